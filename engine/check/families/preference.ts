import { bradleyTerry, dpoLoss } from "../../ops/preference.ts";
import { constant, type Family, type Op, variable } from "../op.ts";

/** −log σ(−x), without overflow. */
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

const shared = {
  typical: { n: 32 },
  tolerance: {
    output: 1e-5,
    gradient: 1e-5,
    reason: "two exponentials a pair, and a sum over the pairs in f32",
  },
};

const bradleyTerryOp: Op = {
  ...shared,
  name: "bradleyTerry",
  summary: "the loss of a reward model on pairs, with margins and centering",
  entries: ["bradley_terry", "bradley_terry_gradient"],
  letters: { n: { meaning: "pairs" } },
  grid: [{ n: 1 }, { n: 7 }, { n: 65 }, { n: 200 }],
  problem: ({ n }) => ({
    inputs: { chosen: variable([n], 1), rejected: variable([n], 2), margin: constant([n], 3) },
    run: ({ chosen, rejected, margin }) => ({
      loss: bradleyTerry(chosen, rejected, { margin, centering: 0.1, count: 2 * n }),
    }),
    reference({ chosen, rejected, margin }) {
      let sum = 0;
      for (let i = 0; i < n; i++) {
        sum += softplus(rejected[i] + margin[i] - chosen[i]) + 0.1 * (chosen[i] + rejected[i]) ** 2;
      }
      return { loss: [sum / (2 * n)] };
    },
  }),
  cost: ({ n }) => ({ bytes: 12 * n }),
};

const BETA = 0.5, SMOOTHING = 0.2;

const directOp: Op = {
  ...shared,
  name: "dpoLoss",
  summary: "direct preference optimisation, as DPO with smoothed labels or as IPO",
  entries: ["direct_preference", "direct_preference_gradient"],
  letters: { n: { meaning: "pairs" }, ipo: { meaning: "1: the squared loss of IPO", default: 0 } },
  grid: [{ n: 1 }, { n: 7, ipo: 1 }, { n: 65 }, { n: 200, ipo: 1 }, { n: 200 }],
  problem: ({ n, ipo }) => ({
    inputs: {
      policyChosen: variable([n], 1),
      policyRejected: variable([n], 2),
      referenceChosen: constant([n], 3),
      referenceRejected: constant([n], 4),
    },
    run({ policyChosen, policyRejected, referenceChosen, referenceRejected }) {
      const logProbs = { policyChosen, policyRejected, referenceChosen, referenceRejected };
      const kind = ipo ? { kind: "ipo" as const } : { labelSmoothing: SMOOTHING };
      return { loss: dpoLoss(logProbs, { beta: BETA, count: 2 * n, ...kind }) };
    },
    reference({ policyChosen, policyRejected, referenceChosen, referenceRejected }) {
      let sum = 0;
      for (let i = 0; i < n; i++) {
        const h = policyChosen[i] - referenceChosen[i] - policyRejected[i] + referenceRejected[i];
        sum += ipo
          ? (h - 1 / (2 * BETA)) ** 2
          : (1 - SMOOTHING) * softplus(-BETA * h) + SMOOTHING * softplus(BETA * h);
      }
      return { loss: [sum / (2 * n)] };
    },
  }),
  cost: ({ n }) => ({ bytes: 16 * n }),
};

export const preferenceFamily: Family = {
  name: "preference",
  shaders: ["preference"],
  ops: [bradleyTerryOp, directOp],
};
