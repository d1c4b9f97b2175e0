import { klDivergence, klEstimates } from "../../ops/kl.ts";
import { constant, type Family, type Op, variable } from "../op.ts";
import { reducingRows } from "../reductions.ts";
import { logSoftmax, rowsOf } from "../softmax.ts";

type Numbers = ArrayLike<number>;

/** KL(softmax(x) ‖ softmax(y)) of each row. */
function klReference(x: Numbers, y: Numbers, columns: number): number[] {
  const rows = (m: Numbers) => rowsOf(new Float64Array(m), columns).map((row) => logSoftmax(row));
  const logQ = rows(y);
  return rows(x).map((logP, r) => {
    let sum = 0;
    for (let j = 0; j < columns; j++) sum += Math.exp(logP[j]) * (logP[j] - logQ[r][j]);
    return sum;
  });
}

const divergenceOp = reducingRows({
  name: "klDivergence",
  summary: "Kullback–Leibler divergence of each row of logits from a reference's",
  entries: ["kl_rows", "kl_gradient", "kl_reference_gradient"],
  letters: { R: { meaning: "rows" }, V: { meaning: "vocabulary" } },
  typical: { R: 2176, V: 1024 },
  grid: [
    { R: 1, V: 1 },
    { R: 3, V: 2 },
    { R: 5, V: 37 },
    { R: 7, V: 65 },
    { R: 4, V: 257 },
    { R: 2, V: 50257 },
  ],
  tolerance: {
    output: 3e-6,
    gradient: 1e-5,
    reason:
      "a sum of V differences of logarithms, each of which has lost a digit to the log-sum-exp",
  },
  problem: ({ R, V }) => ({
    inputs: { logits: variable([R, V], 1, 3), reference: variable([R, V], 2, 3) },
    run: ({ logits, reference }) => ({ kl: klDivergence(logits, reference) }),
    reference: ({ logits, reference }) => ({ kl: klReference(logits, reference, V) }),
  }),
  cost: ({ R, V }) => ({ bytes: 8 * R * V }),
});

const estimatesOp: Op = {
  name: "klEstimates",
  summary: "the estimators k1, k2 and k3 from log-probabilities of sampled tokens",
  entries: ["estimates", "estimates_gradient"],
  letters: { N: { meaning: "tokens" } },
  typical: { N: 2176 },
  grid: [{ N: 1 }, { N: 63 }, { N: 333 }],
  tolerance: {
    output: 2e-6,
    gradient: 5e-6,
    reason: "k3 = exp(−d) − 1 + d cancels near 0, where the kernel takes a series",
  },
  problem: ({ N }) => ({
    inputs: { logProb: variable([N], 1), referenceLogProb: constant([N], 2) },
    run: ({ logProb, referenceLogProb }) => ({ ...klEstimates(logProb, referenceLogProb) }),
    reference({ logProb, referenceLogProb }) {
      const d = Float64Array.from(logProb, (l, i) => l - referenceLogProb[i]);
      return { k1: d, k2: d.map((x) => x * x / 2), k3: d.map((x) => Math.expm1(-x) + x) };
    },
  }),
  cost: ({ N }) => ({ bytes: 20 * N }),
};

export const klFamily: Family = { name: "kl", shaders: ["kl"], ops: [divergenceOp, estimatesOp] };
