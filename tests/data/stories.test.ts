import { beforeAll, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { readRows } from "../../data/rows.ts";
import { goldScore, sentenceEnds } from "../../data/sentiment.ts";
import { type StorySplit, storyTable } from "../../data/story-statistics.ts";
import { loadTokenizer, type Tokenizer } from "../../engine/nn/tokenizer.ts";
import { openFile, openFolder } from "../../scripts/host/files.ts";
import { loadDataset } from "../../scripts/lib/data.ts";

const DATA = join(import.meta.dirname, "../../data");
const golds = z.strictObject({
  chosen_gold: z.number(),
  rejected_gold: z.number(),
  chosen_tokens: z.int(),
  rejected_tokens: z.int(),
});
const reference = z.strictObject({
  prompt: z.string(),
  response: z.string(),
  gold: z.number(),
  tokens: z.int(),
});

const splits: Record<"train" | "validation" | "test", StorySplit> = {
  train: { pairs: [], references: [] },
  validation: { pairs: [], references: [] },
  test: { pairs: [], references: [] },
};
let tokenizer: Tokenizer;

beforeAll(async () => {
  tokenizer = await loadTokenizer(openFolder(join(DATA, "storyteller")));
  for (const name of ["train", "validation", "test"] as const) {
    const pairs = await loadDataset(join(DATA, `stories/${name}.jsonl.gz`));
    const file = await openFile(join(DATA, `stories/${name}-references.jsonl`));
    const references = await readRows(file, reference);
    expect([...pairs.bad, ...pairs.equal, ...references.skipped]).toEqual([]);
    splits[name] = {
      pairs: pairs.pairs.map(({ prompt, chosen, rejected, extra }) => {
        return { prompt, chosen, rejected, ...golds.parse(extra) };
      }),
      references: references.rows,
    };
  }
});

/** Every response as it stands in the files, with what the files say of it. */
function responses() {
  return Object.values(splits).flatMap(({ pairs, references }) => [
    ...references.map(({ prompt, response, gold, tokens }) => ({ prompt, response, gold, tokens })),
    ...pairs.flatMap(({ prompt, ...pair }) => [
      { prompt, response: pair.chosen, gold: pair.chosen_gold, tokens: pair.chosen_tokens },
      { prompt, response: pair.rejected, gold: pair.rejected_gold, tokens: pair.rejected_tokens },
    ]),
  ]);
}

test("each split has its prompts once, each with a reference that won its first pair", () => {
  const counts = Object.values(splits).map(({ references }) => references.length);
  expect(counts).toEqual([1200, 300, 200]);
  for (const { pairs, references } of Object.values(splits)) {
    const first = new Map(pairs.toReversed().map((pair) => [pair.prompt, pair.chosen]));
    expect(first.size).toBe(references.length);
    for (const { prompt, response } of references) expect(first.get(prompt)).toBe(response);
  }
});

test("no prompt stands in two splits, not even with other names", () => {
  const prompts = Object.values(splits).flatMap(({ references }) =>
    references.map(({ prompt }) => prompt.replace(/[A-Z]\w*/g, "X"))
  );
  expect(new Set(prompts).size).toBe(1700);
});

test("prompts and responses keep their limits and their text through the tokenizer", () => {
  for (const { prompt, response, tokens } of responses()) {
    const before = tokenizer.encode(prompt), after = tokenizer.encodeContinuation(response);
    expect(before.length).toBeGreaterThanOrEqual(12);
    expect(before.length).toBeLessThanOrEqual(28);
    expect(after.length).toBe(tokens);
    expect(tokens).toBeGreaterThanOrEqual(4);
    expect(tokens + 1).toBeLessThanOrEqual(40); // with the end-of-sequence token
    expect(tokenizer.decode([...before, ...after])).toBe(prompt + response);
  }
});

test("prompts are two whole sentences, responses one to three", () => {
  for (const { prompt, response } of responses()) {
    expect(sentenceEnds(prompt).length).toBe(2);
    const ends = sentenceEnds(response);
    expect(ends.length).toBeGreaterThanOrEqual(1);
    expect(ends.length).toBeLessThanOrEqual(3);
    expect(ends.at(-1)).toBe(response.length);
    expect(response).toMatch(/^\s/);
  }
});

test("gold is computed anew from the text to the same number", () => {
  for (const { response, gold } of responses()) expect(goldScore(response)).toBe(gold);
});

test("about a quarter of the labels go against gold, and the card holds the true statistics", async () => {
  const pairs = Object.values(splits).flatMap(({ pairs }) => pairs);
  const wrong = pairs.filter((pair) => pair.chosen_gold < pair.rejected_gold).length;
  expect(wrong / pairs.length).toBeGreaterThan(0.2);
  expect(wrong / pairs.length).toBeLessThan(0.25);
  const card = await readFile(join(DATA, "stories/README.md"), "utf8");
  const cells = (table: string) => table.replaceAll(/ +/g, " ").replaceAll(/-+/g, "-");
  expect(cells(card)).toContain(cells(storyTable(splits)));
});
