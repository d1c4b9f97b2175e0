import { policyLoss, valueLoss } from "../../ops/ppo.ts";
import { generatedPlaces, paddedRoles } from "../episodes.ts";
import { constant, type Family, type Input, integers, type Op } from "../op.ts";

type Numbers = ArrayLike<number>;

const CLIP = 0.2;
const clamp = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high);

/** Both terms of the policy's maximum at a token, the unclipped one first. */
function policyTerms(ratio: number, advantage: number): [number, number] {
  return [-advantage * ratio, -advantage * clamp(ratio, 1 - CLIP, 1 + CLIP)];
}

/** Both terms of the value's maximum at a token. */
function valueTerms(value: number, old: number, target: number): [number, number] {
  return [(value - target) ** 2, (clamp(value, old - CLIP, old + CLIP) - target) ** 2];
}

const shared = {
  letters: { B: { meaning: "episodes" }, T: { meaning: "tokens of the longest" } },
  typical: { B: 32, T: 68 },
  grid: [{ B: 1, T: 3 }, { B: 3, T: 7 }, { B: 65, T: 9 }, { B: 13, T: 50 }],
  more: [{ B: 64, T: 300 }],
  tolerance: {
    output: 1e-5,
    gradient: 1e-5,
    reason: "an exponential a token, and sums over the batch in f32",
  },
  cost: ({ B, T }: Record<string, number>) => ({ bytes: 16 * B * T }),
};

/** Roles, their generated places, and a count as of a larger batch. */
function batch({ B, T }: Record<string, number>) {
  const roles = paddedRoles(B, T, 8), places = generatedPlaces(roles, T).flat();
  return { shape: [B, T], roles, places, count: 2 * places.length };
}

/** Numbers some 0.4 away from `old`, to differentiate with respect to. */
function near(old: Input, seed: number): Input {
  const { data, shape } = constant(old.shape, seed, 0.4);
  return {
    data: Float32Array.from(data, (d, i) => d + old.data[i]),
    shape,
    differentiable: true,
  };
}

const policyOp: Op = {
  ...shared,
  name: "policyLoss",
  summary: "the clipped policy loss, with its statistics",
  entries: ["policy_loss", "policy_gradient"],
  problem(sizes) {
    const { shape, roles, places, count } = batch(sizes);
    const old = constant(shape, 1);
    return {
      inputs: {
        logProbs: near(old, 2),
        oldLogProbs: old,
        advantages: constant(shape, 3),
        roles: integers(roles, shape),
      },
      run: ({ logProbs, oldLogProbs, advantages, roles }) => ({
        ...policyLoss({ logProbs, oldLogProbs, advantages, roles }, { clip: CLIP, count }),
      }),
      differentiable: ["loss"],
      reference({ logProbs, oldLogProbs, advantages }: Record<string, Numbers>) {
        const ratios = places.map((i) => Math.exp(logProbs[i] - oldLogProbs[i]));
        const terms = ratios.map((ratio, n) => policyTerms(ratio, advantages[places[n]]));
        const sum = (f: (ratio: number, n: number) => number) =>
          ratios.reduce((total, ratio, n) => total + f(ratio, n), 0);
        const statistics = [
          places.length,
          sum((_, n) => Number(terms[n][1] > terms[n][0])),
          sum((ratio) => 0.5 * Math.log(ratio) ** 2),
          sum((ratio) => ratio),
          sum((ratio) => (ratio - 1) ** 2),
          Math.max(...ratios),
        ];
        return { loss: [sum((_, n) => Math.max(...terms[n])) / count], statistics };
      },
    };
  },
};

const valueOp: Op = {
  ...shared,
  name: "valueLoss",
  summary: "the clipped value loss, with its statistics",
  entries: ["value_loss", "value_gradient"],
  problem(sizes) {
    const { shape, roles, places, count } = batch(sizes);
    const old = constant(shape, 1);
    return {
      inputs: {
        values: near(old, 2),
        oldValues: old,
        returns: constant(shape, 3),
        roles: integers(roles, shape),
      },
      run: ({ values, oldValues, returns, roles }) => ({
        ...valueLoss({ values, oldValues, returns, roles }, { clip: CLIP, count }),
      }),
      differentiable: ["loss"],
      reference({ values, oldValues, returns }: Record<string, Numbers>) {
        const sum = (f: (i: number) => number) => places.reduce((total, i) => total + f(i), 0);
        const terms = (i: number) => valueTerms(values[i], oldValues[i], returns[i]);
        const statistics = [
          places.length,
          sum((i) => Number(terms(i)[1] > terms(i)[0])),
          sum((i) => (values[i] - returns[i]) ** 2),
          sum((i) => values[i]),
          sum((i) => returns[i]),
          Math.max(...places.map((i) => Math.abs(values[i] - returns[i]))),
        ];
        return { loss: [0.5 * sum((i) => Math.max(...terms(i))) / count], statistics };
      },
    };
  },
};

export const ppoFamily: Family = { name: "ppo", shaders: ["ppo"], ops: [policyOp, valueOp] };
