import type { SplitName } from "../rows.ts";
import { type Fractions, givenSplit, opening } from "../split.ts";
import { normalize } from "./counts.ts";
import { isMeasured, type Measured, runSplit } from "./measured.ts";

interface SplitText {
  prompt: string;
  responses: string[];
  split: SplitName | null;
}

/** What the test part gives away to the training part. */
export interface Leakage {
  /** Whether the data came with a split; else it is the one that a run makes. */
  given: boolean;
  train: number;
  test: number;
  /** Test rows whose prompt, but for case and white space, opens as one of the training rows. */
  prompts: number;
  /** Test rows of which a response of some length stands among the training rows, as response or as a turn. */
  responses: number;
}

const TELLING = 40; // characters: shorter responses ("Yes, I can.") recur without any leakage

/** Looks for leaks in the split of a run; of one that came with the data, before a run mends them. */
export function findLeakage(
  rows: readonly SplitText[],
  fractions: Fractions,
  seed: number,
): Measured<Leakage> {
  const own = runSplit(rows, fractions, seed);
  if (!isMeasured(own)) return own;
  const given = givenSplit(rows);
  const { train, test } = given ?? own;
  const openings = new Set(train.map(({ prompt }) => normalize(opening(prompt))));
  const texts = new Set(
    train.flatMap(({ prompt, responses }) => [...turns(prompt), ...responses]).map(normalize),
  );
  const quoted = (text: string) => text.length >= TELLING && texts.has(normalize(text));
  return {
    given: given !== null,
    train: train.length,
    test: test.length,
    prompts: test.filter(({ prompt }) => openings.has(normalize(opening(prompt)))).length,
    responses: test.filter(({ responses }) => responses.some(quoted)).length,
  };
}

function turns(prompt: string): string[] {
  return prompt.split(/\n\n(?:Human|Assistant|System):/);
}
