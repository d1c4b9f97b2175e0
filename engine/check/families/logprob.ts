import { linearLogProbability } from "../../ops/linear-logprob.ts";
import { logProbabilityOfLogits } from "../../ops/logprob.ts";
import { randomIntegers } from "../numbers.ts";
import { type Family, integers, variable } from "../op.ts";
import { reducingRows } from "../reductions.ts";
import { logSoftmax, rowsOf } from "../softmax.ts";
import { product } from "../product.ts";

type Numbers = ArrayLike<number>;

/** Log-probability of the target, entropy and log-sum-exp of each row of logits. */
export function logProbReference(logits: Numbers, targets: Numbers, temperature: number) {
  const rows = rowsOf(new Float64Array(logits), logits.length / targets.length);
  const logP = rows.map((row) => logSoftmax(row, temperature));
  return {
    logProb: logP.map((row, r) => row[targets[r]]),
    entropy: logP.map(entropyOf),
    logSumExp: logP.map((row, r) => rows[r][0] / temperature - row[0]),
  };
}

/** x·Tᵀ for x [R, C] and T [V, C]. */
function logitsOf(x: Numbers, table: Numbers, sizes: [R: number, V: number, C: number]) {
  const [, , C] = sizes;
  return product({ data: x, strides: [C, 1] }, { data: table, strides: [1, C] }, sizes);
}

function entropyOf(logP: Float64Array): number {
  let sum = 0;
  for (const l of logP) sum -= Math.exp(l) * l;
  return sum;
}

const letters = {
  R: { meaning: "rows" },
  V: { meaning: "vocabulary" },
  temperature: { meaning: "divides the logits", default: 1 },
};

const logProbOp = reducingRows({
  name: "logProbabilityOfLogits",
  summary: "log-probability of a token, entropy and log-sum-exp of each row of logits",
  entries: ["forward", "backward"],
  letters,
  typical: { R: 2176, V: 1024 },
  grid: [
    { R: 1, V: 1 },
    { R: 3, V: 2, temperature: 0.5 },
    { R: 5, V: 37 },
    { R: 7, V: 65, temperature: 2 },
    { R: 4, V: 257, temperature: 0.7 },
    { R: 2, V: 50257 },
  ],
  tolerance: {
    output: 2e-6,
    gradient: 1e-5,
    reason:
      "a sum of V exponentials in f32; an entropy is a difference of the logarithm and a mean",
  },
  problem: ({ R, V, temperature }) => ({
    inputs: { logits: variable([R, V], 1, 3), targets: integers(randomIntegers(R, V, 2)) },
    run: ({ logits, targets }) => ({ ...logProbabilityOfLogits(logits, targets, { temperature }) }),
    reference: ({ logits, targets }) => logProbReference(logits, targets, temperature),
    differentiable: ["logProb", "entropy"], // logSumExp is a statistic
  }),
  cost: ({ R, V }) => ({ bytes: 4 * R * V }),
});

const fusedOp = reducingRows({
  name: "linearLogProbability",
  summary: "the language-model head and the log-softmax in one, a chunk of rows at a time",
  entries: ["forward", "backward"], // after a product, see matmul
  letters: {
    ...letters,
    C: { meaning: "width of the hidden states" },
    K: { meaning: "rank of a product added to the logits; 0: none", default: 0 },
    chunk: { meaning: "bytes of logits at a time; 0: the engine's choice", default: 0 },
  },
  typical: { R: 2176, V: 1024, C: 64 },
  grid: [
    { R: 1, C: 1, V: 1 },
    { R: 7, C: 5, V: 33, temperature: 0.7 },
    // Chunks of 64 rows: several, and a last one that is not full.
    { R: 150, C: 12, V: 37, temperature: 1.3, chunk: 64 * 37 * 4 },
    { R: 64, C: 64, V: 257, chunk: 1 },
    { R: 150, C: 64, V: 37, K: 3, temperature: 0.8, chunk: 64 * 37 * 4 },
  ],
  more: [{ R: 3, C: 16, V: 50257 }],
  tolerance: {
    output: 1e-5,
    gradient: 5e-5,
    reason:
      "the rounding of the product comes before that of the log-softmax; the gradient of the hidden " +
      "states is a sum over the vocabulary in f32, 1.2e-5 off at 50,257 tokens",
  },
  problem: ({ R, C, V, K, temperature, chunk: chunkBytes }) => ({
    inputs: {
      hidden: variable([R, C], 1),
      weight: variable([V, C], 2),
      targets: integers(randomIntegers(R, V, 3)),
      ...K && { states: variable([R, K], 4), factor: variable([V, K], 5) },
    },
    run({ hidden, weight, targets, states, factor }) {
      const added = K ? { x: states, table: factor } : undefined;
      const options = { temperature, added, ...chunkBytes && { chunkBytes } };
      return { ...linearLogProbability(hidden, weight, targets, options) };
    },
    reference({ hidden, weight, targets, states, factor }) {
      const logits = logitsOf(hidden, weight, [R, V, C]);
      if (K) logitsOf(states, factor, [R, V, K]).forEach((logit, i) => logits[i] += logit);
      return logProbReference(logits, targets, temperature);
    },
    differentiable: ["logProb", "entropy"],
  }),
  cost: ({ R, C, V, K }) => ({
    flops: 2 * R * (C + K) * V,
    bytes: 4 * (R + V) * (C + K),
  }),
});

export const logprobFamily: Family = {
  name: "logprob",
  shaders: ["logprob"],
  ops: [logProbOp, fusedOp],
};
