import { expect, test } from "bun:test";
import fc from "fast-check";
import { novelty, parseSelection, selectTop } from "../../../data/audit/selection.ts";

test("a selection is a criterion and a share", () => {
  expect(parseSelection("reward:0.5")).toEqual({ by: "reward", share: 0.5 });
  for (
    const text of ["rewards:0.5", "reward", "reward:0", "reward:1.5", "reward:x", "reward:1:2"]
  ) {
    expect(() => parseSelection(text)).toThrow(`--select "${text}"`);
  }
});

test("the best share is kept in the order of the file, and none left out is better than one kept", () => {
  const scores = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(scores, fc.double({ min: 0.01, max: 1, noNaN: true }), (scores, share) => {
      const kept = selectTop(scores.map((_, i) => ({ i })), scores, share);
      expect(kept.length).toBe(Math.max(1, Math.round(share * scores.length)));
      expect(kept.map(({ i }) => i)).toEqual(kept.map(({ i }) => i).toSorted((a, b) => a - b));
      expect(kept.every(({ i, score }) => score === scores[i])).toBe(true);
      const least = Math.min(...kept.map(({ score }) => score));
      const left = scores.filter((_, i) => !kept.some((row) => row.i === i));
      expect(left.every((score) => score <= least)).toBe(true);
    }),
    { numRuns: 200, seed: 1 },
  );
});

test("novelty is 1 where nothing is said elsewhere, 0 where all is said everywhere", () => {
  const [same, also, half, own] = novelty(["a b c", "a b c", "a b x y", "q r s"]);
  expect(same).toBe(also);
  expect(own).toBe(1);
  expect(half).toBeGreaterThan(same);
  expect(half).toBeLessThan(1);
  expect(novelty(["a b", "a b", "A  b!"])).toEqual([0, 0, 0]);
  expect(novelty(["word", ""])).toEqual([1, 0]);
});
