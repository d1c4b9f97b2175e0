import type { Engine } from "../gpu/engine.ts";
import { expectShape, type Tensor } from "../tensor/tensor.ts";

/** Where each number of the optimizer state lies. */
export const AdamWState = {
  /** Norm of all gradients, before clipping. */
  NORM: 0,
  /** The factor the gradients are scaled by. */
  CLIP: 1,
  /** 1 where the norm was not finite, so that weights and moments stay as they are. */
  SKIPPED: 2,
  /** Steps applied so far; the bias correction goes by it. */
  STEP: 3,
  /** Steps skipped so far. */
  SKIPS: 4,
} as const;

const STATE_SIZE = 8;
const LANES = 256; // of shaders/adamw.wgsl
const MAX_BLOCKS = 1024; // workgroups that share one range; enough to fill a large GPU

/** The state [8] of an optimizer before its first step. It belongs in a checkpoint, beside the moments. */
export function adamwState(engine: Engine): Tensor {
  return engine.flat(STATE_SIZE);
}

/**
 * Opens a step: writes the norm of all gradients and the clip factor min(1, maxNorm / (norm + 1e−6))
 * (PyTorch's `clip_grad_norm_`) to `state`, and counts the step, or marks it as skipped where the norm
 * is not finite. The squares are summed in f32, so a norm above 1.8e19 counts as not finite.
 *
 * `shards` hold all gradients of the step, in any shapes; padding in them must be 0. Without `maxNorm`
 * nothing is clipped.
 */
export function gradientNorm(
  shards: readonly Tensor[],
  state: Tensor,
  { maxNorm = Infinity }: { maxNorm?: number } = {},
): void {
  expectShape("gradientNorm", "state", state, [STATE_SIZE]);
  if (shards.length === 0) throw new RangeError("gradientNorm: no shards, expected at least one");
  if (!(maxNorm > 0)) {
    throw new RangeError(`gradientNorm: maxNorm is ${maxNorm}, expected a positive number`);
  }
  const { engine } = state;
  const blocks = shards.map(({ size }) => Math.min(Math.ceil(size / (LANES * 16)), MAX_BLOCKS));
  const total = blocks.reduce((sum, n) => sum + n, 0);
  engine.scope(() => {
    const partials = engine.empty([total]);
    let first = 0;
    shards.forEach((gradients, i) => {
      const parameters = { size: gradients.size, first };
      engine.launch("adamw", "squared_norm", { gradients, partials }, parameters, [
        blocks[i],
        1,
        1,
      ]);
      first += blocks[i];
    });
    const max_norm = Math.min(maxNorm, 1e30); // kernels get finite numbers only
    engine.launch("adamw", "begin_step", { partials, state }, { blocks: total, max_norm }, [
      1,
      1,
      1,
    ]);
  });
}

/** Parallel ranges of equal size, and the state that `gradientNorm` has just written. */
export interface AdamWTensors {
  weights: Tensor;
  gradients: Tensor;
  moment1: Tensor;
  moment2: Tensor;
  /** [8], see `AdamWState`. */
  state: Tensor;
}

export interface AdamWOptions {
  learningRate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  /** Decoupled: weights shrink by learningRate · weightDecay in each step. */
  weightDecay: number;
  /**
   * Where epsilon is added: to √v after its bias correction (`torch`) or before it (`tensorflow`), which
   * at the same epsilon takes smaller first steps.
   */
  epsilonPlacement: "torch" | "tensorflow";
}

/**
 * AdamW (arXiv 1711.05101) on one range, in place; call it once per shard after one `gradientNorm`. Does
 * nothing, to the bit, where that marked the step as skipped.
 */
export function adamwUpdate(tensors: AdamWTensors, options: AdamWOptions): void {
  const { weights, gradients, moment1, moment2, state } = tensors;
  const { learningRate, beta1, beta2, epsilon, weightDecay, epsilonPlacement } = options;
  expectShape("adamwUpdate", "gradients", gradients, weights.shape);
  expectShape("adamwUpdate", "moment1", moment1, weights.shape);
  expectShape("adamwUpdate", "moment2", moment2, weights.shape);
  expectShape("adamwUpdate", "state", state, [STATE_SIZE]);
  const { engine, size } = weights;
  const parameters = {
    size,
    learning_rate: learningRate,
    rate1: 1 - beta1,
    rate2: 1 - beta2,
    log_beta1: logBeta("beta1", beta1),
    log_beta2: logBeta("beta2", beta2),
    epsilon,
    weight_decay: weightDecay,
    correct_epsilon: Number(epsilonPlacement === "tensorflow"),
  };
  // Eight elements a thread, so that the bias corrections are worked out once for eight.
  engine.launch("adamw", "update", { ...tensors }, parameters, engine.grid(Math.ceil(size / 8)));
}

function logBeta(name: string, beta: number): number {
  if (beta >= 0 && beta < 1) return Math.max(Math.log(beta), -1e4); // log 0 is no number for a kernel
  throw new RangeError(`adamwUpdate: ${name} is ${beta}, expected 0 ≤ ${name} < 1`);
}
