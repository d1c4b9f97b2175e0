import { rmsNorm } from "../../ops/rmsnorm.ts";
import { type Family, variable } from "../op.ts";
import { reducingRows } from "../reductions.ts";

type Numbers = ArrayLike<number>;

/** x / √(mean(x²) + epsilon) · weight, row by row. */
export function rmsNormReference(x: Numbers, weight: Numbers, epsilon: number): Float64Array {
  const columns = weight.length, out = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += columns) {
    let squares = 0;
    for (let c = 0; c < columns; c++) squares += x[start + c] ** 2;
    const inverse = 1 / Math.sqrt(squares / columns + epsilon);
    for (let c = 0; c < columns; c++) out[start + c] = x[start + c] * inverse * weight[c];
  }
  return out;
}

// Large enough to matter: with one column and epsilon near 0 the gradient cancels to nothing.
const EPSILON = 0.1;

const rmsNormOp = reducingRows({
  name: "rmsNorm",
  summary: "root-mean-square normalisation of each row",
  entries: ["forward", "backward", "weight_partials"],
  letters: { N: { meaning: "rows" }, C: { meaning: "columns" } },
  typical: { N: 2176, C: 64 },
  grid: [
    { N: 1, C: 1 },
    { N: 3, C: 65 },
    { N: 70, C: 5 },
    { N: 2, C: 64 },
    { N: 130, C: 300 },
    { N: 19, C: 8 },
  ],
  more: [{ N: 1000, C: 129 }, { N: 7, C: 4096 }],
  tolerance: {
    output: 1e-6,
    gradient: 1e-5,
    reason:
      "a mean of squares in f32 and a square root; the gradient of x is a difference of two terms of " +
      "equal size",
  },
  problem: ({ N, C }) => ({
    inputs: { x: variable([N, C], 1), weight: variable([C], 2) },
    run: ({ x, weight }) => ({ out: rmsNorm(x, weight, EPSILON) }),
    reference: ({ x, weight }) => ({ out: rmsNormReference(x, weight, EPSILON) }),
  }),
  cost: ({ N, C }) => ({ bytes: 8 * N * C }),
});

export const rmsnormFamily: Family = {
  name: "rmsnorm",
  shaders: ["rmsnorm", "rmsnorm_rows"],
  ops: [rmsNormOp],
};
