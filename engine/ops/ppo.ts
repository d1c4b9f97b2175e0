import type { Bindings } from "../gpu/bindings.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { expectCount, expectPerToken } from "./per-token.ts";

/** Where each statistic of `policyLoss` lies; sums over the generated tokens given, but for the last. */
export const PolicyStatistic = {
  TOKENS: 0,
  /** Tokens whose clipped term is the larger one. */
  CLIPPED: 1,
  /** Σ ½ (log ratio)², the approximate KL divergence. */
  KL: 2,
  RATIO: 3,
  /** Σ (ratio − 1)². */
  RATIO_DEVIATION: 4,
  MAX_RATIO: 5,
} as const;

/** Where each statistic of `valueLoss` lies; sums over the generated tokens given, but for the last. */
export const ValueStatistic = {
  TOKENS: 0,
  /** Tokens whose clipped term is the larger one. */
  CLIPPED: 1,
  /** Σ (value − return)². */
  SQUARED_ERROR: 2,
  VALUE: 3,
  RETURN: 4,
  /** max |value − return|. */
  MAX_ERROR: 5,
} as const;

export interface ClippedLossOptions {
  /** How far the ratio may be from 1, or the value from the old value, before the gradient stops. */
  clip: number;
  /** Generated tokens of the whole batch, so that the losses of micro-batches add up to the batch's. */
  count: number;
}

/** A loss [1] and statistics [6] in the order of `PolicyStatistic` or `ValueStatistic`. */
export interface LossWithStatistics {
  loss: Tensor;
  statistics: Tensor;
}

export interface PolicyLossInputs {
  /** Log-probabilities of the tokens under the policy in training, [B, T]; gets the gradient. */
  logProbs: Tensor;
  /** The same under the policy that generated them, [B, T]. */
  oldLogProbs: Tensor;
  /** Advantages, [B, T]. */
  advantages: Tensor;
  /** Role codes, u32 [B, T]. */
  roles: Tensor;
}

/**
 * The clipped policy loss of PPO (Schulman et al. 2017, arXiv 1707.06347) over the generated tokens:
 * Σ max(−A·ratio, −A·clamp(ratio, 1 − clip, 1 + clip)) / count. Differentiable in `logProbs`.
 */
export function policyLoss(
  inputs: PolicyLossInputs,
  options: ClippedLossOptions,
): LossWithStatistics {
  const { logProbs, oldLogProbs, advantages, roles } = inputs;
  expectPerToken("policyLoss", roles, { logProbs, oldLogProbs, advantages });
  const buffers = { roles, log_probs: logProbs, old_log_probs: oldLogProbs, advantages };
  return clippedLoss("policy", logProbs, buffers, options);
}

export interface ValueLossInputs {
  /** Values in training, [B, T]; gets the gradient. */
  values: Tensor;
  /** Values when the tokens were generated, [B, T]. */
  oldValues: Tensor;
  /** Returns the values are fitted to, [B, T]. */
  returns: Tensor;
  /** Role codes, u32 [B, T]. */
  roles: Tensor;
}

/**
 * The clipped value loss of PPO over the generated tokens: ½ Σ max((V − R)², (V̄ − R)²) / count, with V̄
 * the value clipped to within `clip` of the old one. Differentiable in `values`.
 */
export function valueLoss(
  inputs: ValueLossInputs,
  options: ClippedLossOptions,
): LossWithStatistics {
  const { values, oldValues, returns, roles } = inputs;
  expectPerToken("valueLoss", roles, { values, oldValues, returns });
  const buffers = { roles, values, old_values: oldValues, returns };
  return clippedLoss("value", values, buffers, options);
}

function clippedLoss(
  kind: "policy" | "value",
  variable: Tensor,
  buffers: Bindings,
  { clip, count }: ClippedLossOptions,
): LossWithStatistics {
  expectCount(`${kind}Loss`, count);
  const { engine, size } = variable;
  const parameters = { size, clip, count };
  const loss = engine.empty([1]);
  const statistics = engine.empty([6]);
  engine.launch("ppo", `${kind}_loss`, { ...buffers, loss, statistics }, parameters, [1, 1, 1]);
  engine.tape?.record(`${kind}Loss`, [variable], loss, (upstream, sink) => {
    const gradient = engine.empty(variable.shape);
    const all = { ...buffers, upstream, gradient };
    engine.launch("ppo", `${kind}_gradient`, all, parameters, engine.grid(size));
    sink.give(variable, gradient);
  });
  return { loss, statistics };
}
