import { expect, test } from "bun:test";
import fc from "fast-check";
import { BatchOrder, groupByTokens } from "../../engine/rl/order.ts";
import { learningRate } from "../../engine/rl/schedule.ts";

test("each pass takes every item once, and a batch can be asked for alone", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 12 }),
      fc.nat(),
      (count, batch, seed) => {
        const walked = new BatchOrder(count, batch, seed);
        const items = Array.from({ length: 3 * count }, (_, step) => walked.indices(step)).flat();
        for (let pass = 0; pass < 3; pass++) {
          const seen = items.slice(pass * count, (pass + 1) * count).sort((a, b) => a - b);
          expect(seen).toEqual([...Array(count).keys()]);
        }
        const last = 3 * count - 1;
        expect(new BatchOrder(count, batch, seed).indices(last)).toEqual(walked.indices(last));
      },
    ),
  );
});

test("no data is a clear error", () => {
  expect(() => new BatchOrder(0, 4, 1)).toThrow("nothing to train on");
});

test("groups cover all rows in order and keep to the limit where a row does", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 30 })),
      fc.integer({ min: 1, max: 60 }),
      (lengths, limit) => {
        const groups = groupByTokens(lengths, limit);
        expect(groups.flatMap(([start, end]) => lengths.slice(start, end))).toEqual(lengths);
        for (const [start, end] of groups) {
          const tokens = lengths.slice(start, end).reduce((a, b) => a + b, 0);
          expect(end - start === 1 || tokens <= limit).toBe(true);
        }
      },
    ),
  );
});

test("learning rates: warm-up, linear to 0, cosine, constant", () => {
  const at = (kind: "linear" | "cosine" | "constant", step: number, warmup = 0) =>
    learningRate({ peak: 2, kind, warmup }, step, 10);
  expect(at("linear", 0)).toBe(2);
  expect(at("linear", 5)).toBe(1);
  expect(at("cosine", 5)).toBeCloseTo(1);
  expect(at("constant", 9)).toBe(2);
  expect(at("constant", 0, 0.2)).toBe(1);
});
