import { draw, DRAWS, type Logged, type Response } from "./story-sampling.ts";

/** Of the Bradley–Terry model: P(a wins against b) = sigmoid(GOLD_SCALE · (gold a − gold b)). */
const GOLD_SCALE = 6;
/** Share of the labels that are turned round at random, whatever the gold. */
const FLIPPED = 0.05;

export interface Pair {
  winner: Response;
  loser: Response;
}

/**
 * Compares every two responses of prompt number `index` as a noisy rater would, who gives no label where both
 * have the same gold.
 */
export function compareResponses({ responses }: Logged, index: number, seed: number): Pair[] {
  const pairs: Pair[] = [];
  for (const [j, second] of responses.entries()) {
    for (const [i, first] of responses.slice(0, j).entries()) {
      if (first.gold === second.gold) continue;
      const place = j * responses.length + i;
      const share = 1 / (1 + Math.exp(GOLD_SCALE * (second.gold - first.gold)));
      const flipped = draw(seed, DRAWS.flips, index, place) < FLIPPED;
      const firstWins = (draw(seed, DRAWS.winners, index, place) < share) !== flipped;
      pairs.push(firstWins ? { winner: first, loser: second } : { winner: second, loser: first });
    }
  }
  return pairs;
}
