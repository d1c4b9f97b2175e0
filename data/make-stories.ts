// Makes the bundled task's data, logged and rated outputs of the base model, in data/stories:
//
//   npx bun data/make-stories.ts
//
// Every draw is a function of SEED and of what it is for, so a rerun on the same adapter writes the same bytes.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { gzipSync } from "node:zlib";
import { loadModel } from "../engine/nn/model.ts";
import { loadTokenizer } from "../engine/nn/tokenizer.ts";
import { openEngine } from "../scripts/host/engine.ts";
import { openFolder } from "../scripts/host/files.ts";
import { comparePairs } from "./noisy-preferences.ts";
import { samplePrompts, sampleResponses } from "./story-sampling.ts";

const SEED = 2024;
const SPLITS = { train: 1200, validation: 100, test: 200 }; // prompts
const OUTPUT = join(import.meta.dirname, "stories");

const { engine } = await openEngine();
const folder = openFolder(join(import.meta.dirname, "storyteller"));
const model = await loadModel(engine, folder);
const teller = { model, tokenizer: await loadTokenizer(folder), seed: SEED };
const total = Object.values(SPLITS).reduce((sum, count) => sum + count, 0);
const logged = await sampleResponses(teller, await samplePrompts(teller, total));
engine.destroy();
await writeFile("/tmp/logged.json", JSON.stringify(logged));
await mkdir(OUTPUT, { recursive: true });
const compared = logged.map((entry, i) => ({ ...entry, pairs: comparePairs(entry, i, SEED) }));
let start = 0;
for (const [split, count] of Object.entries(SPLITS)) {
  const part = compared.slice(start, start += count);
  const rows = part.flatMap(({ prompt, pairs }) =>
    pairs
      .filter(({ winner, loser }) => winner.gold !== loser.gold)
      .map(({ winner, loser }) => ({
        prompt,
        chosen: winner.text,
        rejected: loser.text,
        chosen_gold: winner.gold,
        rejected_gold: loser.gold,
        chosen_tokens: winner.tokens,
        rejected_tokens: loser.tokens,
      }))
  );
  const references = part.map(({ prompt, pairs: [{ winner }] }) => ({
    prompt,
    response: winner.text,
    gold: winner.gold,
    tokens: winner.tokens,
  }));
  await writeFile(join(OUTPUT, `${split}.jsonl.gz`), gzipSync(jsonLines(rows), { level: 9 }));
  await writeFile(join(OUTPUT, `${split}-references.jsonl`), jsonLines(references));
}
process.exit(0);

function jsonLines(rows: readonly unknown[]): string {
  return rows.map((row) => JSON.stringify(row) + "\n").join("");
}
