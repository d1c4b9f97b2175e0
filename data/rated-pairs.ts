import { seededRandom } from "../engine/ops/seeded-random.ts";
import type { RatedAnswers } from "./forms/form.ts";
import { hashText } from "./split.ts";

export interface PairOptions {
  /** At most so many pairs of one prompt. */
  perPrompt: number;
  seed: number;
}

export interface RatedPair {
  chosen: string;
  rejected: string;
  /** How much higher the chosen answer is rated. */
  margin: number;
}

/**
 * Pairs of a prompt's answers with different ratings; equal ones give none. Where there are more than
 * `perPrompt`, a draw that depends on the seed and the prompt alone decides which.
 */
export function pairsOf({ prompt, answers }: RatedAnswers, options: PairOptions): RatedPair[] {
  const pairs = answers.flatMap((a, i) =>
    answers.slice(i + 1).filter((b) => a.rating !== b.rating).map((b) => {
      const [chosen, rejected] = a.rating > b.rating ? [a, b] : [b, a];
      const margin = chosen.rating - rejected.rating;
      return { chosen: chosen.text, rejected: rejected.text, margin };
    })
  );
  const random = seededRandom(hashText(prompt, options.seed));
  for (let i = 0; i < Math.min(options.perPrompt, pairs.length - 1); i++) {
    const j = i + Math.floor(random() * (pairs.length - i));
    [pairs[i], pairs[j]] = [pairs[j], pairs[i]];
  }
  return pairs.slice(0, options.perPrompt);
}
