import type { SplitName } from "../rows.ts";
import { type Fractions, opening, splitByPrompt } from "../split.ts";
import { normalize } from "./counts.ts";

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

export function findLeakage(
  rows: readonly SplitText[],
  fractions: Fractions,
  seed: number,
): Leakage {
  const given = rows.some(({ split }) => split === "train") &&
    rows.some(({ split }) => split === "test");
  const { train, test } = given
    ? {
      train: rows.filter(({ split }) => split === "train"),
      test: rows.filter(({ split }) => split === "test"),
    }
    : splitByPrompt(rows, fractions, seed);
  const openings = new Set(train.map(({ prompt }) => normalize(opening(prompt))));
  const texts = new Set(
    train.flatMap(({ prompt, responses }) => [...turns(prompt), ...responses]).map(normalize),
  );
  const quoted = (text: string) => text.length >= TELLING && texts.has(normalize(text));
  return {
    given,
    train: train.length,
    test: test.length,
    prompts: test.filter(({ prompt }) => openings.has(normalize(opening(prompt)))).length,
    responses: test.filter(({ responses }) => responses.some(quoted)).length,
  };
}

function turns(prompt: string): string[] {
  return prompt.split(/\n\n(?:Human|Assistant|System):/);
}
