import { expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readHelpful } from "../../scripts/lib/helpful.ts";
import { helpfulBase } from "../../scripts/lib/shared-data.ts";
import { shared } from "../support/shared.ts";

test("no prompt is trained and tested on in a split, or tested on in two, or tested on and untested", async () => {
  const folder = await mkdtemp(join(tmpdir(), "homeport-helpful-"));
  const path = join(folder, "pairs.jsonl");
  // Every prompt stands in two rows.
  const rows = Array.from(
    { length: 400 },
    (_, i) => JSON.stringify({ prompt: `p${i >> 1}`, chosen: `c${i}`, rejected: `r${i}` }),
  );
  await writeFile(path, rows.join("\n"));
  const { splits, untested } = await readHelpful(path);
  await rm(folder, { recursive: true });

  expect(splits.length).toBe(3);
  const seen = new Set<string>();
  for (const { train, test } of splits) {
    expect(train.length + test.length).toBe(400);
    expect(test.length).toBeGreaterThan(50);
    expect(test.length).toBeLessThan(110);
    const prompts = new Set(test.map(({ prompt }) => prompt));
    expect(train.some(({ prompt }) => prompts.has(prompt))).toBe(false);
    for (const prompt of prompts) {
      expect(seen.has(prompt)).toBe(false);
      seen.add(prompt);
    }
  }
  expect(untested.some(({ prompt }) => seen.has(prompt))).toBe(false);
  expect(new Set(untested.map(({ prompt }) => prompt)).size + seen.size).toBe(200);
});

const present = shared("data/hh-rlhf/helpful-base/test.jsonl.gz") !== null;
test.skipIf(!present)("helpful-base has 2,352 rows with a preference", async () => {
  const { splits, skipped } = await readHelpful(helpfulBase);
  expect(splits.map(({ train, test }) => train.length + test.length)).toEqual([2352, 2352, 2352]);
  expect(skipped).toBe(2);
});
