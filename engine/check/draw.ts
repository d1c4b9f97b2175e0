import type { SamplingOptions } from "../ops/sampling.ts";
import { drawBits, purposes, uniform } from "../ops/threefry.ts";
import { logSoftmax } from "./softmax.ts";
import { keptIds } from "./truncation.ts";

export const MARGIN = 5e-6; // sums in f32 may draw the neighbour of a token nearer than this

/**
 * The token that the kernel draws for a row: the ids 0, 64, 128 … 1, 65 … are summed up to the uniform number of
 * the place. `margin` is how far that number is from drawing another.
 */
export function drawReference(
  logits: Float32Array,
  options: SamplingOptions,
  episode: number,
  token: number,
): { id: number; margin: number } {
  const kept = new Set(keptIds(logits, options));
  const logP = logSoftmax(logits, options.temperature);
  const order = [...logits.keys()].filter((id) => kept.has(id))
    .sort((a, b) => a % 64 - b % 64 || a - b);
  const total = order.reduce((sum, id) => sum + Math.exp(logP[id]), 0);
  const [word] = drawBits({ seed: options.seed, purpose: purposes.token, episode, token });
  const point = uniform(word) * total;
  let sum = 0;
  for (const id of order) {
    sum += Math.exp(logP[id]);
    if (sum > point) return { id, margin: Math.min(sum - point, point - sum + Math.exp(logP[id])) };
  }
  throw new Error("the point lies beyond the last id");
}
