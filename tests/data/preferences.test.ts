import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { z } from "zod";
import { readPreferences } from "../../data/preferences.ts";
import { readRows } from "../../data/rows.ts";
import { shared } from "../support/shared.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "homeport-rows-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function write(name: string, ...lines: unknown[]): Promise<string> {
  const path = join(folder, name);
  const text = lines.map((line) => typeof line === "string" ? line : JSON.stringify(line));
  const content = text.join("\n") + "\n";
  await writeFile(path, name.endsWith(".gz") ? gzipSync(content) : content);
  return path;
}

const GOOD = { prompt: "p", chosen: "c", rejected: "r" };

test("rows of prompt, chosen and rejected, with further fields kept, plain and packed", async () => {
  for (const name of ["a.jsonl", "a.json", "a.jsonl.gz"]) {
    const path = await write(name, { ...GOOD, gold: [0.5, -1] }, "", GOOD);
    expect(await readPreferences(path)).toEqual({
      rows: [
        { ...GOOD, id: `${path}:1`, extra: { gold: [0.5, -1] } },
        { ...GOOD, id: `${path}:3`, extra: {} },
      ],
      skipped: [],
    });
  }
});

test("HH's form: the prompt is the shared dialogue", async () => {
  const turns = "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Name a fruit\n\nAssistant:";
  const path = await write(
    "hh.jsonl",
    { chosen: `${turns} An apple`, rejected: `${turns} An ant` },
    { chosen: `${turns} A fig`, rejected: `${turns} A fig\n\nHuman: Why?\n\nAssistant: So` },
  );
  const { rows } = await readPreferences(path);
  expect(rows.map(({ prompt, chosen, rejected }) => [prompt, chosen, rejected])).toEqual([
    [turns, " An apple", " An ant"],
    [turns, " A fig", " A fig\n\nHuman: Why?\n\nAssistant: So"],
  ]);
});

describe("a bad row", () => {
  const cases: [string, unknown, string][] = [
    ["no JSON", "{'prompt': 1}", "not JSON"],
    ["no object", [GOOD], "expected object"],
    ["a missing field", { prompt: "p", chosen: "c" }, '"rejected": '],
    ["a field of another type", { ...GOOD, chosen: [{ role: "user" }] }, '"chosen": '],
    ["an empty field", { ...GOOD, prompt: "" }, '"prompt": is empty'],
    ["no shared dialogue", { chosen: "\n\nHuman: a", rejected: "\n\nHuman: b" }, 'no "prompt"'],
    [
      "no answer",
      { chosen: "\n\nHuman: a\n\nAssistant:", rejected: "\n\nHuman: a\n\nAssistant: b" },
      '"chosen": has no answer',
    ],
  ];
  for (const [name, row, reason] of cases) {
    test(name, async () => {
      const path = await write("bad.jsonl", GOOD, row, GOOD);
      await expect(readPreferences(path)).rejects.toThrow(`${path}:2: bad row: `);
      await expect(readPreferences(path)).rejects.toThrow(reason);
      const { rows, skipped } = await readPreferences(path, { skipBadRows: true });
      expect(rows.map(({ id }) => id)).toEqual([`${path}:1`, `${path}:3`]);
      expect(skipped).toEqual([{ file: path, line: 2, reason: expect.stringContaining(reason) }]);
    });
  }
});

test("equal responses carry no preference: always skipped and listed", async () => {
  const path = await write("equal.jsonl", { ...GOOD, chosen: "r" }, GOOD);
  const { rows, skipped } = await readPreferences(path);
  expect(rows.length).toBe(1);
  expect(skipped).toEqual([{ file: path, line: 1, reason: expect.stringContaining("equals") }]);
});

test("a file without a usable row is refused", async () => {
  await expect(readPreferences(await write("empty.jsonl"))).rejects.toThrow("it is empty");
  const bad = await write("all-bad.jsonl", "x", "y");
  await expect(readPreferences(bad, { skipBadRows: true })).rejects.toThrow("all 2 were skipped");
});

test("rows of any schema", async () => {
  const schema = z.object({ prompt: z.string(), response: z.string() });
  const reference = { prompt: "p", response: "r" };
  const path = await write("references.jsonl", reference, { prompt: "p" });
  await expect(readRows(path, schema)).rejects.toThrow(`${path}:2: bad row: "response": `);
  const { rows, skipped } = await readRows(path, schema, { skipBadRows: true });
  expect(rows).toEqual([reference]);
  expect(skipped.length).toBe(1);
});

const helpful = shared("data/hh-rlhf/helpful-base/test.jsonl.gz");
test.skipIf(helpful === null)("the real helpful-base pairs are read whole", async () => {
  const { rows, skipped } = await readPreferences(helpful!);
  expect(skipped.map(({ line }) => line)).toEqual([722, 2169]);
  expect(rows.length).toBe(2354 - 2);
  for (const { prompt, chosen, rejected } of rows) {
    expect(prompt.startsWith("\n\nHuman:") && prompt.endsWith("\n\nAssistant:")).toBe(true);
    expect(chosen).not.toBe(rejected);
    expect(chosen[0] + rejected[0]).toBe("  ");
  }
});
