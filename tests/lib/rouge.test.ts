import { expect, test } from "bun:test";
import fc from "fast-check";
import { rougeL, rougeScores } from "../../scripts/lib/rouge.ts";

test("F1 of words, pairs of words and the longest common subsequence, counted by hand", () => {
  // 4 of 6 and 6 words; 1 of 5 and 5 pairs; "the cat on mat".
  expect(rougeScores("The cat sat on the mat", "the cat was on a mat.")).toEqual({
    rouge1: 2 / 3,
    rouge2: 0.2,
    rougeL: 2 / 3,
  });
  // A word counts as often as the reference has it: precision 1/3, recall 1/2.
  expect(rougeScores("the the the", "the cat").rouge1).toBeCloseTo(0.4, 12);
  // The order matters to ROUGE-L alone.
  expect(rougeScores("c b a", "a b c")).toEqual({ rouge1: 1, rouge2: 0, rougeL: 1 / 3 });
  // Sentence ends part nothing: precision 3/5, recall 3/4.
  expect(rougeL("Police killed the gunman. Foo", "police kill the gunman")).toBeCloseTo(2 / 3, 12);
});

test("a side without a word scores 0, one word has no pairs", () => {
  for (const [response, reference] of [["", "a"], ["a", "…"], ["", ""], ["\n!", "a b"]]) {
    expect(rougeScores(response, reference)).toEqual({ rouge1: 0, rouge2: 0, rougeL: 0 });
  }
  expect(rougeScores("a", "a")).toEqual({ rouge1: 1, rouge2: 0, rougeL: 1 });
});

test("ROUGE-L equals a plain dynamic program", () => {
  const text = fc.array(fc.constantFrom("a", "b", "c", "d"), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(text, text, (a, b) => {
      const common = longestCommon(a, b);
      const expected = 2 * common / (a.length + b.length);
      expect(rougeL(a.join(" "), b.join(" "))).toBeCloseTo(expected, 12);
    }),
    { seed: 1, numRuns: 200 },
  );
});

function longestCommon(a: readonly string[], b: readonly string[]): number {
  let row = new Array(b.length + 1).fill(0);
  for (const x of a) {
    const next = [0];
    b.forEach((y, j) => next.push(x === y ? row[j] + 1 : Math.max(row[j + 1], next[j])));
    row = next;
  }
  return row[b.length];
}
