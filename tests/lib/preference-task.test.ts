import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { preferenceTask } from "../../scripts/lib/preference-task.ts";

const folder = mkdtempSync(join(tmpdir(), "homeport-"));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, rows: readonly unknown[]): string {
  const path = join(folder, name);
  writeFileSync(path, rows.map((row) => JSON.stringify(row) + "\n").join(""));
  return path;
}

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
  await expect(preferenceTask(resets, { pairsOptional: true })).rejects.toThrow(
    /^--data: .*rated\.jsonl holds no responses to take/,
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
  await expect(preferenceTask(path, {})).rejects.toThrow("demonstrations are for SFT");
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
