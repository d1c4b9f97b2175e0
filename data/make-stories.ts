// Makes the bundled task's data, logged and rated outputs of the base model, in data/stories:
//
//   npx bun data/make-stories.ts
//
// Every draw is a function of SEED and of what it is for, so a rerun on the same adapter writes the same bytes.
// It takes some three minutes on two cores; the table it prints belongs into data/stories/README.md.
import "../scripts/host/failure.ts";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { loadModel } from "../engine/nn/model.ts";
import { loadTokenizer } from "../engine/nn/tokenizer.ts";
import { openEngine } from "../scripts/host/engine.ts";
import { openFolder } from "../scripts/host/files.ts";
import { compareResponses, type Pair } from "./noisy-preferences.ts";
import { type Logged, samplePrompts, sampleResponses } from "./story-sampling.ts";
import { type StoryPair, type StoryReference, storyTable } from "./story-statistics.ts";

const SEED = 2024;
const SPLITS = { train: 1200, validation: 100, test: 200 }; // prompts
const PROMPTS = Object.values(SPLITS).reduce((sum, count) => sum + count, 0);
const SPARE = 50; // prompts more, for those that get no label at all
const OUTPUT = join(import.meta.dirname, "stories");

const logged = await sampleLogs();
const compared = logged
  .map((entry, i) => ({ ...entry, pairs: compareResponses(entry, i, SEED) }))
  .filter(({ pairs }) => pairs.length > 0);
console.log(
  `${logged.length - compared.length} prompts without a label left out, ` +
    `${compared.length - PROMPTS} spare ones unused`,
);
if (compared.length < PROMPTS) {
  throw new Error(`${compared.length} of ${PROMPTS} prompts are left: raise SPARE`);
}

await mkdir(OUTPUT, { recursive: true });
const columns: Parameters<typeof storyTable>[0] = {};
let start = 0;
for (const [split, count] of Object.entries(SPLITS)) {
  const part = compared.slice(start, start += count);
  const pairs = part.flatMap(pairRows), references = part.map(referenceRow);
  await writeFile(join(OUTPUT, `${split}.jsonl.gz`), gzipSync(jsonLines(pairs), { level: 9 }));
  await writeFile(join(OUTPUT, `${split}-references.jsonl`), jsonLines(references));
  columns[split] = { pairs, references };
}
console.log(storyTable(columns));

async function sampleLogs(): Promise<Logged[]> {
  const { engine } = await openEngine();
  const folder = openFolder(join(import.meta.dirname, "storyteller"));
  const model = await loadModel(engine, folder);
  const teller = { model, tokenizer: await loadTokenizer(folder), seed: SEED };
  const logged = await sampleResponses(teller, await samplePrompts(teller, PROMPTS + SPARE));
  engine.destroy();
  return logged;
}

function pairRows({ prompt, pairs }: Logged & { pairs: Pair[] }): StoryPair[] {
  return pairs.map(({ winner, loser }) => ({
    prompt,
    chosen: winner.text,
    rejected: loser.text,
    chosen_gold: winner.gold,
    rejected_gold: loser.gold,
    chosen_tokens: winner.tokens,
    rejected_tokens: loser.tokens,
  }));
}

/** The winner of the prompt's first pair. */
function referenceRow({ prompt, pairs: [{ winner }] }: Logged & { pairs: Pair[] }): StoryReference {
  return { prompt, response: winner.text, gold: winner.gold, tokens: winner.tokens };
}

function jsonLines(rows: readonly unknown[]): string {
  return rows.map((row) => JSON.stringify(row) + "\n").join("");
}
