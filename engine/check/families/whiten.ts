import { maskedMean, maskedMoments, whiten } from "../../ops/whiten.ts";
import { generatedPlaces, paddedRoles } from "../episodes.ts";
import { constant, type Family, type Input, integers, type Op, type Sizes } from "../op.ts";

type Numbers = ArrayLike<number>;

/** Count, mean and population variance of x at `places`. */
function moments(x: Numbers, places: number[]): [number, number, number] {
  const n = places.length;
  if (n === 0) return [0, 0, 0];
  const mean = places.reduce((sum, i) => sum + x[i] / n, 0);
  return [n, mean, places.reduce((sum, i) => sum + (x[i] - mean) ** 2 / n, 0)];
}

const shared = {
  letters: { B: { meaning: "episodes" }, T: { meaning: "tokens of the longest" } },
  typical: { B: 32, T: 68 },
  grid: [{ B: 1, T: 1 }, { B: 1, T: 7 }, { B: 3, T: 7 }, { B: 65, T: 33 }, { B: 130, T: 20 }],
  more: [{ B: 64, T: 1000 }],
};

/** Numbers about 3, so that a mean that is forgotten shows. */
function batch({ B, T }: Sizes, differentiable = false) {
  const { data } = constant([B, T], 2), codes = paddedRoles(B, T, 8);
  const x: Input = { data: Float32Array.from(data, (v) => v + 3), shape: [B, T], differentiable };
  return {
    inputs: { x, roles: integers(codes, [B, T]) },
    places: generatedPlaces(codes, T).flat(),
  };
}

const whitenOp: Op = {
  ...shared,
  name: "whiten",
  summary: "(x − mean) / √(variance + 1e−8) over generated tokens, 0 elsewhere",
  entries: ["moments", "whiten"],
  tolerance: {
    output: 1e-5,
    reason: "the variance is a sum of squared differences from a mean that is itself rounded",
  },
  problem(sizes) {
    const { inputs, places } = batch(sizes);
    return {
      inputs,
      run: ({ x, roles }) => ({ out: whiten(x, roles) }),
      reference({ x }) {
        const [, mean, variance] = moments(x, places);
        const out = new Float64Array(x.length);
        for (const i of places) out[i] = (x[i] - mean) / Math.sqrt(variance + 1e-8);
        return { out };
      },
    };
  },
  cost: ({ B, T }) => ({ bytes: 16 * B * T }),
};

const momentsOp: Op = {
  ...shared,
  name: "maskedMoments",
  summary: "count, mean and variance over generated tokens",
  entries: ["moments"],
  tolerance: { output: 1e-6, reason: "sums over the batch in f32, by the lanes of one workgroup" },
  problem(sizes) {
    const { inputs, places } = batch(sizes);
    return {
      inputs,
      run: ({ x, roles }) => ({ out: maskedMoments(x, roles) }),
      reference: ({ x }) => ({ out: moments(x, places) }),
    };
  },
  cost: ({ B, T }) => ({ bytes: 8 * B * T }),
};

const meanOp: Op = {
  ...shared,
  name: "maskedMean",
  summary: "Σ x / count over generated tokens",
  entries: ["mean", "mean_gradient"],
  tolerance: { output: 1e-6, gradient: 1e-6, reason: "as maskedMoments" },
  problem(sizes) {
    const { inputs, places } = batch(sizes, true), count = 2 * places.length;
    return {
      inputs,
      run: ({ x, roles }) => ({ out: maskedMean(x, roles, { count }) }),
      reference: ({ x }) => ({ out: [places.reduce((sum, i) => sum + x[i], 0) / count] }),
    };
  },
  cost: ({ B, T }) => ({ bytes: 8 * B * T }),
};

export const whitenFamily: Family = {
  name: "whiten",
  shaders: ["whiten"],
  ops: [whitenOp, momentsOp, meanOp],
};
