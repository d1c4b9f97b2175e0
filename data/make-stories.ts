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
import { jsonLines } from "./json-lines.ts";
import { compareResponses, type Pair } from "./noisy-preferences.ts";
import { type Logged, samplePrompts, sampleResponses } from "./story-sampling.ts";
import { type StoryPair, type StoryReference, storyTable } from "./story-statistics.ts";

type Compared = Logged & { pairs: Pair[] };

// Test prompts are drawn under a seed of their own, apart from what settings are tuned on.
const SEED = { tuning: 2024, test: 2025 };
const PROMPTS = { train: 1200, validation: 300, test: 200 };
const SPARE = 50; // prompts more, for those that get no label at all
const OUTPUT = join(import.meta.dirname, "stories");

const { engine } = await openEngine();
const storyteller = openFolder(join(import.meta.dirname, "storyteller"));
const model = await loadModel(engine, storyteller);
const tokenizer = await loadTokenizer(storyteller);

const tuning = await compareLogs(SEED.tuning, PROMPTS.train + PROMPTS.validation, []);
const splits = {
  train: tuning.slice(0, PROMPTS.train),
  validation: tuning.slice(PROMPTS.train),
  test: await compareLogs(SEED.test, PROMPTS.test, tuning.map(({ prompt }) => prompt)),
};
engine.destroy();

await mkdir(OUTPUT, { recursive: true });
const columns: Parameters<typeof storyTable>[0] = {};
for (const [split, part] of Object.entries(splits)) {
  const pairs = part.flatMap(pairRows), references = part.map(referenceRow);
  await writeFile(join(OUTPUT, `${split}.jsonl.gz`), gzipSync(jsonLines(pairs), { level: 9 }));
  await writeFile(join(OUTPUT, `${split}-references.jsonl`), jsonLines(references));
  columns[split] = { pairs, references };
}
console.log(storyTable(columns));

/** `count` prompts unlike those in `known`, with their responses and at least one label each. */
async function compareLogs(
  seed: number,
  count: number,
  known: readonly string[],
): Promise<Compared[]> {
  const teller = { model, tokenizer, seed };
  const prompts = await samplePrompts(teller, count + SPARE, known);
  const compared = (await sampleResponses(teller, prompts))
    .map((entry, i) => ({ ...entry, pairs: compareResponses(entry, i, seed) }))
    .filter(({ pairs }) => pairs.length > 0);
  console.log(
    `${prompts.length - compared.length} prompts without a label left out, ` +
      `${compared.length - count} spare ones unused`,
  );
  if (compared.length < count) {
    throw new Error(`${compared.length} of ${count} prompts are left: raise SPARE`);
  }
  return compared.slice(0, count);
}

function pairRows({ prompt, pairs }: Compared): StoryPair[] {
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
function referenceRow({ prompt, pairs: [{ winner }] }: Compared): StoryReference {
  return { prompt, response: winner.text, gold: winner.gold, tokens: winner.tokens };
}
