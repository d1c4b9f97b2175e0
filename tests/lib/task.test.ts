import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadTokenizer } from "../../engine/nn/tokenizer.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { bundledTask, encodeTask, preferenceTask } from "../../scripts/lib/task.ts";

const folder = mkdtempSync(join(tmpdir(), "homeport-"));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, rows: readonly unknown[]): string {
  const path = join(folder, name);
  writeFileSync(path, rows.map((row) => JSON.stringify(row) + "\n").join(""));
  return path;
}

const storytellerTokenizer = () =>
  loadTokenizer(openFolder(fileURLToPath(new URL("../../data/storyteller", import.meta.url))));

const rows = Array.from(
  { length: 200 },
  (_, i) => ({ prompt: `Prompt ${i % 150}.`, chosen: ` yes ${i}`, rejected: ` no ${i}` }),
);

test("one's own pairs: every prompt in one split, one reference a prompt", async () => {
  const task = await preferenceTask(write("pairs.jsonl", rows), { skipBadRows: false });
  const prompts = (part: { prompt: string }[]) => new Set(part.map(({ prompt }) => prompt));
  const { train, validation, test } = task.references;
  expect(train.length).toBe(prompts(train).size);
  expect(train.length + validation.length + test.length).toBe(150);
  expect(prompts([...train, ...validation, ...test]).size).toBe(150);
  expect(prompts(task.pairs.train)).toEqual(prompts(train));
  expect(prompts(task.pairs.test)).toEqual(prompts(test));
  expect(task.rows).toBe(200);
});

test("references of one's own replace the chosen responses, but for held-out prompts", async () => {
  const own = Array.from(
    { length: 150 },
    (_, i) => ({ prompt: `Prompt ${i}.`, response: ` mine ${i}` }),
  );
  const references = write("references.jsonl", own);
  const task = await preferenceTask(write("pairs.jsonl", rows), {
    skipBadRows: false,
    references,
  });
  expect(task.references.train.every(({ response }) => response.startsWith(" mine"))).toBe(true);
  const held = new Set(
    [...task.references.validation, ...task.references.test].map(({ prompt }) => prompt),
  );
  expect(task.references.train.length).toBe(150 - held.size);
  expect(task.references.train.some(({ prompt }) => held.has(prompt))).toBe(false);
});

test("resets of one's own stand beside the references, but for held-out prompts", async () => {
  const own = [{ prompt: "Prompt 3.", response: " a" }, { prompt: "Other.", response: " b" }];
  const path = write("pairs.jsonl", rows);
  const plain = await preferenceTask(path, {});
  expect(plain.resets).toBeNull();
  const held = plain.references.test[0].prompt;
  const resets = write("resets.jsonl", [...own, { prompt: held, response: " c" }]);
  const task = await preferenceTask(path, { resets });
  expect(task.resets!.map(({ response }) => response)).toEqual([" a", " b"]);
  expect(task.references).toEqual(plain.references);
});

test("a file of ratings that prefers nothing has no responses to reset into, and a missing one is named by its flag", async () => {
  const path = write("pairs.jsonl", rows);
  const resets = write("rated.jsonl", [{ prompt: "Other.", response: " b", score: 1 }]);
  await expect(preferenceTask(path, { resets })).rejects.toThrow(
    /^--resets: .*rated\.jsonl holds no responses to take: it was read as rated answers/,
  );
  await expect(preferenceTask(path, { references: "none.jsonl" })).rejects.toThrow(
    "--references: No file none.jsonl",
  );
});

test("demonstrations are references, but nothing for a reward model", async () => {
  const rows = Array.from({ length: 99 }, (_, i) => ({ prompt: `p ${i}`, completion: "c" }));
  const path = write("demonstrations.jsonl", rows);
  const task = await preferenceTask(path, { pairsOptional: true });
  expect(task.references.train.length).toBeGreaterThan(70);
  expect(task.pairs).toEqual({ train: [], test: [] });
  await expect(preferenceTask(path, {})).rejects.toThrow("demonstrations as --references");
});

test("the best answer of rated prompts is their reference", async () => {
  const rated = Array.from(
    { length: 150 },
    (_, i) =>
      [1, 3, 2].map((rating) => ({ prompt: `Prompt ${i}.`, response: ` ${rating}`, rating })),
  ).flat();
  const task = await preferenceTask(write("rated.jsonl", rated), {});
  expect(new Set(task.references.train.map(({ response }) => response))).toEqual(new Set([" 3"]));
  expect(task.pairs.train.length).toBe(3 * task.references.train.length);
});

test("bad rows are counted when they are skipped", async () => {
  const path = write("bad.jsonl", [...rows, { prompt: "x", chosen: 3, rejected: "y" }]);
  await expect(preferenceTask(path, { skipBadRows: false })).rejects.toThrow(
    "bad.jsonl:201",
  );
  expect((await preferenceTask(path, { skipBadRows: true })).skippedBadRows).toBe(1);
});

test("demonstrations and resets that are too long are counted", async () => {
  const own = Array.from({ length: 99 }, (_, i) => ({
    prompt: `Say ${i}.`,
    completion: i % 3 === 0 ? " one two three four five six seven" : " one",
  }));
  const resets = write("long.jsonl", [{ prompt: "Go on.", completion: own[0].completion }]);
  const path = write("demonstrations.jsonl", own);
  const text = await preferenceTask(path, { pairsOptional: true, resets });
  const limits = { context: 64, beginToken: 0, endToken: 0, maxPrompt: 32, maxResponse: 6 };
  const task = encodeTask(text, { tokenizer: await storytellerTokenizer(), chat: null, limits });
  expect(task.fit).toEqual({ rows: 99, promptsCut: 0, dropped: 33 });
  expect(task.referencesDropped + task.heldOutPromptsDropped).toBe(33);
  expect([task.pairsDropped, task.resetsDropped, task.resets]).toEqual([0, 1, []]);
});

test("the bundled task fits the bundled model whole, and gold is no part of what trains", async () => {
  const text = await bundledTask();
  const tokenizer = await storytellerTokenizer();
  const limits = { context: 256, beginToken: 0, endToken: 0, maxPrompt: 32, maxResponse: 40 };
  const task = encodeTask(text, { tokenizer, chat: null, limits });
  expect(task.fit).toEqual({
    rows: text.pairs.train.length + text.pairs.test.length,
    promptsCut: 0,
    dropped: 0,
  });
  expect([task.references.length, task.validation.length, task.test.length]).toEqual([
    1200,
    300,
    200,
  ]);
  expect(Object.keys(task.pairs.train[0]).sort()).toEqual([
    "chosen",
    "chosenIds",
    "prompt",
    "promptCut",
    "promptIds",
    "rejected",
    "rejectedIds",
  ]);
  expect(task.references[0].responseIds.at(-1)).toBe(0);
});
