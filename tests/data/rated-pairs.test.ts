import { expect, test } from "bun:test";
import fc from "fast-check";
import { pairsOf } from "../../data/rated-pairs.ts";

const ratings = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 8 });
const group = (values: readonly number[]) => ({
  prompt: "p",
  messages: null,
  answers: values.map((rating, i) => ({ text: `${i}`, rating })),
});

test("every pair goes by the ratings, none twice, ties none, and no more than the cap", () => {
  fc.assert(
    fc.property(ratings, fc.integer({ min: 1, max: 30 }), fc.nat(), (values, perPrompt, seed) => {
      const pairs = pairsOf(group(values), { perPrompt, seed });
      for (const { chosen, rejected, margin } of pairs) {
        expect(margin).toBe(values[Number(chosen)] - values[Number(rejected)]);
        expect(margin).toBeGreaterThan(0);
      }
      const unequal = values.flatMap((a, i) => values.slice(i + 1).filter((b) => a !== b)).length;
      expect(pairs.length).toBe(Math.min(unequal, perPrompt));
      expect(new Set(pairs.map(({ chosen, rejected }) => `${chosen} ${rejected}`)).size).toBe(
        pairs.length,
      );
    }),
    { numRuns: 200, seed: 1 },
  );
});

test("the draw depends on seed and prompt alone, and every pair can be drawn", () => {
  const answers = group([1, 2, 3, 4]);
  const drawn = (seed: number) => pairsOf(answers, { perPrompt: 2, seed });
  expect(drawn(7)).toEqual(drawn(7));
  const seen = new Set(
    Array.from({ length: 60 }, (_, seed) => drawn(seed)).flat().map((pair) =>
      pair.chosen + pair.rejected
    ),
  );
  expect(seen.size).toBe(6);
});
