import { expect, test } from "bun:test";
import { completeSizes, type Op } from "../../engine/check/op.ts";

const op: Op = {
  name: "scale",
  summary: "",
  entries: [],
  letters: {
    N: { meaning: "numbers", multiple: 4, most: 64 },
    R: { meaning: "rows" },
    K: { meaning: "as R where left out", default: "R" },
    plain: { meaning: "1: as it is", default: 0 },
    factor: { meaning: "of each", default: 1 },
  },
  typical: { N: 8, R: 3 },
  grid: [{ N: 4, R: 1, factor: 0.5 }],
  tolerance: { output: 0, reason: "" },
  problem: () => ({ inputs: {}, run: () => ({}), reference: () => ({}) }),
};

test("letters that are left out take their defaults", () => {
  expect(completeSizes(op, { N: 64, R: 2 })).toEqual({ N: 64, R: 2, K: 2, plain: 0, factor: 1 });
  expect(completeSizes(op, { N: 4, R: 2, K: 5, plain: 1, factor: 0.25 }).factor).toBe(0.25);
});

test("a letter that is unknown, missing, or no size the op takes is named", () => {
  const cases: [sizes: Record<string, number>, message: string][] = [
    [{ N: 4, R: 1, X: 1 }, "scale has no size X; it has N, R, K, plain, factor"],
    [{ N: 4 }, "scale needs the size R: rows"],
    [{ N: 6, R: 1 }, "scale: the size N (numbers) must be a multiple of 4 from 1 to 64; got 6"],
    [{ N: 68, R: 1 }, "must be a multiple of 4 from 1 to 64; got 68"],
    [{ N: 0, R: 1 }, "got 0"],
    [{ N: 4, R: 0 }, "scale: the size R (rows) must be a whole number from 1; got 0"],
    [{ N: 4, R: 1.5 }, "must be a whole number from 1; got 1.5"],
    [{ N: 4, R: NaN }, "got NaN"],
    [{ N: 4, R: 1, plain: -1 }, "must be a number from 0; got -1"],
    [{ N: 4, R: 1, factor: -0.5 }, "must be a number from 0; got -0.5"],
  ];
  for (const [sizes, message] of cases) expect(() => completeSizes(op, sizes)).toThrow(message);
});
