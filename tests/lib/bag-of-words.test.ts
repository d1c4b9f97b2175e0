import { expect, test } from "bun:test";
import { BagOfWords } from "../../scripts/lib/bag-of-words.ts";

const settings = { minCount: 2, penalty: 0.01 };
const pair = (chosen: string, rejected: string) => ({ chosen, rejected });

test("learns which words win, and ranks pairs it has not seen", () => {
  const fillers = ["red", "green", "blue", "grey"];
  const pairs = fillers.flatMap((a) =>
    fillers.map((b) => pair(`a Kind ${a} answer`, `a rude ${b} answer`))
  );
  const model = new BagOfWords(pairs, settings);
  expect(model.rank(pair("kind, red!", "rude, red!"))).toBe(1);
  expect(model.rank(pair("rude, red!", "kind, red!"))).toBe(0);
  expect(model.rank(pair("yes kind", "yes kind"))).toBe(0.5);
});

test("words that are too rare tell nothing, but the length still does", () => {
  const pairs = [pair("x y z", "u"), pair("k l m n", "o p"), pair("a b c", "d e")];
  const model = new BagOfWords(pairs, settings);
  expect(model.rank(pair("d", "a"))).toBe(0.5);
  expect(model.rank(pair("d e", "x y z"))).toBe(0);
});

test("the fit is the optimum of the penalised loss", () => {
  // One feature that is in every chosen response: −σ(−w·log 2)·log 2 + λ·w = 0.
  const λ = 0.05;
  const model = new BagOfWords([pair("yes a", "no a"), pair("yes b", "no b")], {
    minCount: 2,
    penalty: λ,
  });
  const w = model.weight("yes");
  const x = Math.log(2);
  // "yes" and "no" have opposite weights, so the score of a pair is 2·w·log 2.
  expect(λ * w).toBeCloseTo(x / (1 + Math.exp(2 * w * x)), 6);
  expect(model.weight("no")).toBeCloseTo(-w, 6);
});
