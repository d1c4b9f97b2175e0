// Makes ratings.csv, an example of rated answers such as people have them:
//
//   npx bun data/examples/make-ratings.ts > data/examples/ratings.csv
//
// The questions are openings of data/stories and the answers their continuations; the stars, 1 to 5, follow the
// sentiment score of the continuation.
import { fileURLToPath } from "node:url";
import { loadDataset } from "../../scripts/lib/data.ts";
import { goldScore } from "../sentiment.ts";

const QUESTIONS = 320;

const path = fileURLToPath(new URL("../stories/train.jsonl.gz", import.meta.url));
const { pairs } = await loadDataset(path);
const answers = new Map<string, Set<string>>();
for (const { prompt, chosen, rejected } of pairs) {
  answers.set(prompt, (answers.get(prompt) ?? new Set()).add(chosen).add(rejected));
}
const cell = (text: string) => `"${text.replaceAll('"', '""')}"`;
/** The sentiment score lies in −1 … 1. */
const stars = (answer: string) => 1 + Math.min(4, Math.floor((goldScore(answer) + 1) * 2.5));

console.log("question,answer,stars");
for (const [question, texts] of [...answers].slice(0, QUESTIONS)) {
  for (const answer of texts) {
    console.log([cell(question), cell(answer), stars(answer)].join(","));
  }
}
