import { mix32 } from "../engine/rl/random.ts";

export interface Split<T> {
  train: T[];
  validation: T[];
  test: T[];
}

/** Shares of the prompts; they sum to 1. */
export interface Fractions {
  train: number;
  validation: number;
  test: number;
}

/**
 * Splits rows so that no prompt, and no dialogue, stands in two parts. A prompt's part follows from a hash of
 * its opening and the seed alone, so rows may come, go and change order without moving the others. Sizes are
 * therefore only near the fractions; a part that should have rows and gets none is an error.
 */
export function splitByPrompt<T extends { prompt: string }>(
  rows: readonly T[],
  fractions: Fractions,
  seed: number,
): Split<T> {
  checkFractions(fractions);
  const split: Split<T> = { train: [], validation: [], test: [] };
  for (const row of rows) {
    const place = hash(opening(row.prompt), seed) / 2 ** 32;
    if (place < fractions.test) split.test.push(row);
    else if (place < fractions.test + fractions.validation) split.validation.push(row);
    else split.train.push(row);
  }
  for (const part of ["train", "validation", "test"] as const) {
    if (fractions[part] > 0 && split[part].length === 0) {
      throw new Error(
        `The ${part} part should be ${fractions[part]} of ${rows.length} rows but got none; ` +
          "give more rows, a larger fraction or another seed",
      );
    }
  }
  return split;
}

function checkFractions({ train, validation, test }: Fractions): void {
  const shares = [train, validation, test];
  const sum = train + validation + test;
  if (shares.every((share) => share >= 0) && Math.abs(sum - 1) < 1e-9) return;
  throw new Error(
    `The fractions of train, validation and test are ${shares.join(", ")}; ` +
      "expected none below 0 and a sum of 1",
  );
}

/**
 * The first turn of a dialogue, or the whole of another prompt. Later turns of a dialogue are rows of their
 * own whose prompts quote the earlier answers: they belong on the same side.
 */
function opening(prompt: string): string {
  return prompt.split("\n\nAssistant:", 1)[0];
}

/** FNV-1a over UTF-16 units, mixed so that near-equal prompts fall apart. Returns a uint32. */
function hash(text: string, seed: number): number {
  let state = mix32(seed ^ 0x811c9dc5);
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  return mix32(state);
}
