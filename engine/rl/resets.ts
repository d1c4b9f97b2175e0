import { drawBits, purposes, uniform } from "../ops/threefry.ts";
import type { BatchOrder } from "./order.ts";

/** A prompt with an offline response that an episode may be reset into, as token ids. */
export interface ResetSource {
  promptIds: readonly number[];
  /** The offline response with its end token, which is never forced. */
  referenceIds: readonly number[];
}

/**
 * How long the forced prefix of a response of L tokens (with its end token) is: uniform in 1 … L−1, as in
 * the paper, or in 0 … L−1, so that the prompt itself stays a state to start from.
 */
export type PrefixLaw = "from-one" | "from-zero";

export interface ResetSettings {
  /** Probability β that an episode starts inside an offline response; 0 is PPO. */
  beta: number;
  law: PrefixLaw;
  seed: number;
}

/** Where an episode starts: enough to replay it. */
export interface Start {
  /** Number of the episode in its run. */
  episode: number;
  /** Index of the source row. */
  row: number;
  /** Tokens of the offline response that are forced; 0: the episode starts at the prompt. */
  prefixLength: number;
}

/**
 * Draws the start of one episode (Chang et al. 2024, arXiv:2404.08495, §4). The draw depends on the seed and
 * the episode's number alone.
 */
export function drawStart(
  { referenceIds }: ResetSource,
  row: number,
  episode: number,
  { beta, law, seed }: ResetSettings,
): Start {
  const [coin, length] = drawBits({ seed, purpose: purposes.reset, episode, token: 0 }).map(
    uniform,
  );
  const shortest = law === "from-one" ? 1 : 0;
  const choices = referenceIds.length - shortest; // prefix lengths shortest … L−1
  if (coin >= beta || choices <= 0) return { episode, row, prefixLength: 0 };
  return {
    episode,
    row,
    prefixLength: shortest + Math.min(Math.floor(length * choices), choices - 1),
  };
}

/** The starts of all episodes of one update. */
export function drawStarts(
  sources: readonly ResetSource[],
  order: BatchOrder,
  update: number,
  settings: ResetSettings,
): Start[] {
  return order.indices(update).map((row, i) =>
    drawStart(sources[row], row, update * order.batchSize + i, settings)
  );
}
