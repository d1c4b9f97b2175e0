import { layerNorm } from "../../ops/layernorm.ts";
import { type Family, type Input, variable } from "../op.ts";
import { reducingRows } from "../reductions.ts";

type Numbers = ArrayLike<number>;

/** (x − mean) / √(variance + epsilon) · weight + bias, row by row. */
export function layerNormReference(
  x: Numbers,
  weight: Numbers,
  bias: Numbers,
  epsilon: number,
): Float64Array {
  const columns = weight.length, out = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += columns) {
    const row = Array.from({ length: columns }, (_, c) => x[start + c]);
    const mean = row.reduce((sum, value) => sum + value, 0) / columns;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / columns;
    row.forEach((value, c) =>
      out[start + c] = (value - mean) / Math.sqrt(variance + epsilon) * weight[c] + bias[c]
    );
  }
  return out;
}

// Large enough to matter: with one column and epsilon near 0 the gradient cancels to nothing.
const EPSILON = 0.1;

/** Numbers about 2, so that a mean that is forgotten shows. */
function shifted(N: number, C: number): Input {
  const { data, ...rest } = variable([N, C], 1);
  return { ...rest, data: Float32Array.from(data, (x) => x + 2) };
}

const layerNormOp = reducingRows({
  name: "layerNorm",
  summary: "normalisation of each row to mean 0 and variance 1, with weight and bias",
  entries: ["forward", "backward", "partials"],
  letters: { N: { meaning: "rows" }, C: { meaning: "columns" } },
  typical: { N: 2176, C: 64 },
  grid: [
    { N: 1, C: 1 },
    { N: 3, C: 65 },
    { N: 70, C: 5 },
    { N: 2, C: 64 },
    { N: 5, C: 200 },
    { N: 19, C: 8 },
  ],
  more: [{ N: 300, C: 1000 }],
  tolerance: {
    output: 1e-6,
    gradient: 1e-5,
    reason:
      "a mean and a mean of squares in f32; the gradient of x is a difference of three terms of " +
      "equal size",
  },
  problem: ({ N, C }) => ({
    inputs: { x: shifted(N, C), weight: variable([C], 2), bias: variable([C], 3) },
    run: ({ x, weight, bias }) => ({ out: layerNorm(x, weight, bias, EPSILON) }),
    reference: ({ x, weight, bias }) => ({ out: layerNormReference(x, weight, bias, EPSILON) }),
  }),
  cost: ({ N, C }) => ({ bytes: 8 * N * C }),
});

export const layernormFamily: Family = {
  name: "layernorm",
  shaders: ["layernorm", "layernorm_rows"],
  ops: [layerNormOp],
};
