import {
  type AdamWOptions,
  AdamWState,
  type AdamWTensors,
  adamwUpdate,
  gradientNorm,
} from "../../ops/adamw.ts";
import { constant, type Family, type Op } from "../op.ts";

type Numbers = ArrayLike<number>;

/** Weights and moments after a step, with the norm of the gradients before clipping and the clip factor. */
export interface AdamWStep {
  weights: Float64Array;
  moment1: Float64Array;
  moment2: Float64Array;
  norm: number;
  clip: number;
}

/** One step of AdamW over one array; `applied` is the number of steps applied, this one included. */
export function adamwReference(
  before: { weights: Numbers; moment1: Numbers; moment2: Numbers },
  gradients: Numbers,
  applied: number,
  maxNorm: number,
  options: AdamWOptions,
): AdamWStep {
  const { learningRate, beta1, beta2, epsilon, weightDecay, epsilonPlacement } = options;
  const [weights, m, v] = [before.weights, before.moment1, before.moment2]
    .map((x) => Float64Array.from(x));
  const norm = Math.sqrt(Float64Array.from(gradients).reduce((sum, g) => sum + g * g, 0));
  const clip = Math.min(1, maxNorm / (norm + 1e-6));
  const bias1 = 1 - beta1 ** applied, bias2 = 1 - beta2 ** applied;
  for (let i = 0; i < weights.length; i++) {
    const g = clip * gradients[i];
    m[i] = beta1 * m[i] + (1 - beta1) * g;
    v[i] = beta2 * v[i] + (1 - beta2) * g * g;
    const change = epsilonPlacement === "torch"
      ? m[i] / bias1 / (Math.sqrt(v[i] / bias2) + epsilon)
      : Math.sqrt(bias2) / bias1 * m[i] / (Math.sqrt(v[i]) + epsilon);
    weights[i] -= learningRate * (weightDecay * weights[i] + change);
  }
  return { weights, moment1: m, moment2: v, norm, clip };
}

export const adamwOptions: AdamWOptions = {
  learningRate: 0.01,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-5,
  weightDecay: 0.1,
  epsilonPlacement: "torch",
};
const MAX_NORM = 1;

const stepOp: Op = {
  name: "adamwUpdate",
  summary: "a step of AdamW, with the norm of all gradients that clips them (gradientNorm)",
  entries: ["squared_norm", "begin_step", "update"],
  letters: {
    P: { meaning: "parameters" },
    t: { meaning: "steps applied before", default: 7 },
    tensorflow: { meaning: "1: epsilon placed as in TensorFlow", default: 0 },
  },
  typical: { P: 296_640 },
  grid: [{ P: 1 }, { P: 63, t: 0, tensorflow: 1 }, { P: 1000, t: 500 }, {
    P: 70001,
    tensorflow: 1,
  }],
  tolerance: {
    output: 2e-6,
    reason: "the norm is a sum over all gradients in f32, the rest a few operations an element",
  },
  problem({ P, t, tensorflow }) {
    const options: AdamWOptions = {
      ...adamwOptions,
      epsilonPlacement: tensorflow ? "tensorflow" : "torch",
    };
    const state = new Float32Array(8);
    state[AdamWState.STEP] = t;
    const moment2 = constant([P], 4, 0.01);
    return {
      inputs: {
        weights: constant([P], 1, 0.1),
        gradients: constant([P], 2, 0.1),
        moment1: constant([P], 3, 0.1),
        moment2: { ...moment2, data: (moment2.data as Float32Array).map(Math.abs) },
        state: { data: state, shape: [8] },
      },
      run(tensors) {
        const { gradients, state, weights, moment1, moment2 } = tensors;
        gradientNorm([gradients], state, { maxNorm: MAX_NORM });
        adamwUpdate(tensors as Record<keyof AdamWTensors, typeof state>, options);
        return { weights, moment1, moment2, state };
      },
      reference({ weights, gradients, moment1, moment2 }) {
        const before = { weights, moment1, moment2 };
        const { norm, clip, ...after } = adamwReference(
          before,
          gradients,
          t + 1,
          MAX_NORM,
          options,
        );
        return { ...after, state: [norm, clip, 0, t + 1, 0, 0, 0, 0] };
      },
    };
  },
  cost: ({ P }) => ({ bytes: 4 * P * 8 }), // four arrays and the gradients again read, three written
};

export const adamwFamily: Family = { name: "adamw", shaders: ["adamw"], ops: [stepOp] };
