import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Truncation, truncationThreshold } from "../../engine/ops/truncation.ts";
import { randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";
import { keptIds } from "../../engine/check/truncation.ts";
import { checkFamily } from "../support/check.ts";

checkFamily("truncation");

/** The ids whose logit is at least the threshold that the GPU finds, row by row. */
async function keptOnGpu(
  rows: readonly Float32Array[],
  truncation: Truncation,
): Promise<number[][]> {
  const engine = await testEngine();
  const data = Float32Array.from(rows.flatMap((row) => [...row]));
  const threshold = truncationThreshold(
    engine.tensor(data, [rows.length, rows[0].length]),
    truncation,
  );
  const thresholds = await threshold.read();
  return rows.map((row, r) => [...row.keys()].filter((id) => row[id] >= thresholds[r]));
}

const settings: Truncation[] = [
  { temperature: 1, topK: 1, topP: 1 },
  { temperature: 1, topK: 5, topP: 1 },
  { temperature: 0.7, topK: 0, topP: 0.9 },
  { temperature: 1.5, topK: 40, topP: 0.5 },
  { temperature: 1, topK: 0, topP: 1e-9 },
  { temperature: 1, topK: 100000, topP: 0.999 },
];

for (const vocabulary of [1, 2, 65, 257, 1024, 50257]) {
  test(`top-k and top-p keep what Hugging Face's rules keep, V = ${vocabulary}`, async () => {
    const random = randomNumbers(vocabulary, vocabulary, 3);
    const rows = [random, random.map((x) => Math.round(x)), random.map(() => 0)];
    for (const truncation of settings) {
      const kept = await keptOnGpu(rows, truncation);
      rows.forEach((row, r) => expect(kept[r]).toEqual(keptIds(row, truncation)));
    }
  });
}

test("top-k over random and tied logits of either sign, and both zeros", async () => {
  const logit = fc.oneof(
    fc.constantFrom(-0, 0, -1, 1, -2.5, 2.5),
    fc.float({ min: -50, max: 50, noNaN: true }),
  );
  const row = fc.array(logit, { minLength: 1, maxLength: 80 });
  await fc.assert(
    fc.asyncProperty(row, fc.integer({ min: 1, max: 90 }), async (logits, topK) => {
      const truncation = { temperature: 1, topK, topP: 1 };
      const data = Float32Array.from(logits);
      expect(await keptOnGpu([data], truncation)).toEqual([keptIds(data, truncation)]);
    }),
    { numRuns: 100, seed: 11 },
  );
});

test("settings that mean nothing are refused", async () => {
  const engine = await testEngine();
  const logits = engine.zeros([1, 3]);
  const good = { temperature: 1, topK: 0, topP: 1 };
  const refused: [Partial<Truncation>, string][] = [
    [{ temperature: -1 }, "temperature is -1"],
    [{ temperature: NaN }, "temperature is NaN"],
    [{ temperature: 0 }, "temperature is 0"],
    [{ topK: 1.5 }, "topK is 1.5"],
    [{ topP: 0 }, "topP is 0"],
    [{ topP: 1.1 }, "topP is 1.1"],
  ];
  for (const [change, message] of refused) {
    expect(() => truncationThreshold(logits, { ...good, ...change })).toThrow(message);
  }
});
