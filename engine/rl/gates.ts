import type { AdamW } from "../nn/optimizer.ts";
import type { Parameters } from "../tensor/parameters.ts";

/** A check of the training itself failed: going on would train on wrong numbers. */
export class GateError extends Error {
  override name = "GateError";
}

/** What the first evaluation of the clipped loss says, before any update. */
export interface FirstLook {
  /** Mean of the ratio π/π_old over the generated tokens, and its root mean square distance from 1. */
  ratio: number;
  ratioDeviation: number;
  /** Mean ½(log π − log π_old)². */
  approximateKl: number;
  /** Mean |log π − log π_ref|: a signed mean could cancel. */
  kl: number;
}

const TOLERANCE = { ratio: 1e-3, approximateKl: 1e-6, kl: 1e-4, decoding: 2e-3 };

/**
 * Before the first update the policy is the one that generated the episodes, and the reference: ratio 1, KL
 * 0, approximate KL 0. Anything else means that sampling and scoring, or policy and reference, differ.
 */
export function checkFirstLook({ ratio, ratioDeviation, approximateKl, kl }: FirstLook): void {
  if (!(Math.max(Math.abs(ratio - 1), ratioDeviation) <= TOLERANCE.ratio)) {
    throw new GateError(
      `before the first update the ratio π/π_old must be 1, got ${ratio} on average, ${ratioDeviation} away from 1; ` +
        "scoring must see the same tokens, positions, roles and temperature in both passes",
    );
  }
  if (!(Math.abs(approximateKl) <= TOLERANCE.approximateKl)) {
    throw new GateError(
      `before the first update the approximate KL must be 0, got ${approximateKl}`,
    );
  }
  if (!(Math.abs(kl) <= TOLERANCE.kl)) {
    throw new GateError(
      `before the first update the KL to the reference policy must be 0, got ${kl} nats per token; ` +
        "the policy must start from the reference policy's weights, and both divide logits by the temperature",
    );
  }
}

/** Cached decoding and the training forward must give the drawn tokens the same log probabilities. */
export function checkDecoding(decoding: ArrayLike<number>, training: ArrayLike<number>): void {
  for (let i = 0; i < training.length; i++) {
    const difference = Math.abs(decoding[i] - training[i]);
    // Rounding grows with the size of a log probability.
    if (difference <= TOLERANCE.decoding * Math.max(1, Math.abs(training[i]))) continue;
    throw new GateError(
      `generated token ${i}: decoding with the cache gave log probability ${
        decoding[i]
      }, the training forward ${training[i]}; ` +
        "the cache, its positions or the sampling distribution are wrong",
    );
  }
}

/** Filling what no loss may read with NaN must leave losses and gradients the same to the bit. */
export function checkMasks(what: string, clean: Float32Array, withNaN: Float32Array): void {
  const a = new Uint32Array(clean.buffer, clean.byteOffset, clean.length);
  const b = new Uint32Array(withNaN.buffer, withNaN.byteOffset, withNaN.length);
  const changed = a.findIndex((bits, i) => bits !== b[i]);
  if (changed < 0) return;
  throw new GateError(
    `a value outside the generated tokens reaches the ${what}: with NaN there, element ${changed} changed from ` +
      `${clean[changed]} to ${
        withNaN[changed]
      }; a kernel reads or multiplies what its roles should mask`,
  );
}

/** Throws where the optimizer skipped its step, naming the step and the tensor. The weights are unchanged. */
export async function checkFinite(what: string, step: number, optimizer: AdamW): Promise<number> {
  const { norm, skipped } = await optimizer.report();
  if (!skipped) return norm;
  const tensor = await firstNonFinite(optimizer.parameters) ??
    "no single tensor: their sum of squares overflows";
  throw new GateError(
    `${what}, step ${step}: the gradient is not finite (${tensor}); the update was skipped, and the last ` +
      "checkpoint is good. Lower the learning rate or look at the data of this step",
  );
}

/**
 * Throws where a loss is not finite, naming the step and the first of the tensors that it was computed from, or
 * that were computed from it, which is not finite either.
 */
export async function checkLoss(
  what: string,
  step: number,
  losses: Record<string, number>,
  parameters: Parameters,
): Promise<void> {
  for (const [name, value] of Object.entries(losses)) {
    if (Number.isFinite(value)) continue;
    const tensor = await firstNonFinite(parameters) ??
      "weights and gradients are finite, so it arose in the loss";
    throw new GateError(
      `${what}, step ${step}: ${name} is ${value} (${tensor}); the last checkpoint is good. Lower the learning rate ` +
        "or look at the data of this step",
    );
  }
}

/** A weight that is not finite is the cause; where there is none, a gradient shows how far the fault reached. */
async function firstNonFinite(parameters: Parameters): Promise<string | null> {
  for (const kind of ["weight", "gradient"] as const) {
    for (const name of parameters.names) {
      const tensor = kind === "weight" ? parameters.get(name) : parameters.gradient(name);
      if (!(await tensor.read()).every(Number.isFinite)) return `first in the ${kind} of ${name}`;
    }
  }
  return null;
}
