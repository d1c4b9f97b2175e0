import { mix32 } from "../engine/ops/seeded-random.ts";
import { ANSWER } from "./chat.ts";
import type { SplitName } from "./rows.ts";

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

/** A part of a split that should have rows got none. */
export class EmptyPartError extends Error {}

/**
 * Splits rows so that no prompt, and no dialogue, stands in two parts. A prompt's part follows from a hash of
 * its opening and the seed alone, so rows may come, go and change order without moving the others. Sizes are
 * therefore only near the fractions. Throws {@link EmptyPartError}.
 */
export function splitByPrompt<T extends { prompt: string }>(
  rows: readonly T[],
  fractions: Fractions,
  seed: number,
): Split<T> {
  checkFractions(fractions);
  const split: Split<T> = { train: [], validation: [], test: [] };
  for (const row of rows) {
    const place = hashText(opening(row.prompt), seed) / 2 ** 32;
    if (place < fractions.test) split.test.push(row);
    else if (place < fractions.test + fractions.validation) split.validation.push(row);
    else split.train.push(row);
  }
  for (const part of ["train", "validation", "test"] as const) {
    if (fractions[part] > 0 && split[part].length === 0) {
      throw new EmptyPartError(
        `Of ${rows.length} rows the ${part} part got none (its share is ${
          fractions[part]
        }, by a hash of the ` +
          "prompt); more different prompts are needed, some hundred to learn from",
      );
    }
  }
  return split;
}

/** The split that the data's makers gave, where every row has one and there are rows to train and to test on. */
export function givenSplit<T extends { split: SplitName | null }>(
  rows: readonly T[],
): Split<T> | null {
  const part = (name: SplitName) => rows.filter(({ split }) => split === name);
  const [train, validation, test] = [part("train"), part("validation"), part("test")];
  const whole = train.length + validation.length + test.length === rows.length;
  return whole && train.length > 0 && test.length > 0 ? { train, validation, test } : null;
}

/**
 * The split of a run: the given one, else by prompt. A given split without validation rows takes them from the
 * training prompts; training rows whose prompt is held out are left out and counted as `leaked`. No rows have
 * empty parts. Throws {@link EmptyPartError}.
 */
export function splitRows<T extends { prompt: string; split: SplitName | null }>(
  rows: readonly T[],
  fractions: Fractions,
  seed: number,
): Split<T> & { leaked: number } {
  if (rows.length === 0) return { train: [], validation: [], test: [], leaked: 0 };
  const given = givenSplit(rows);
  if (!given) return { ...splitByPrompt(rows, fractions, seed), leaked: 0 };
  const { train, validation, test } = given;
  const held = new Set([...validation, ...test].map(({ prompt }) => opening(prompt)));
  const own = train.filter(({ prompt }) => !held.has(opening(prompt)));
  const leaked = train.length - own.length;
  if (validation.length > 0) return { train: own, validation, test, leaked };
  const share = fractions.validation / (fractions.train + fractions.validation);
  const parts = splitByPrompt(own, { train: 1 - share, validation: share, test: 0 }, seed);
  return { ...parts, test, leaked };
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
export function opening(prompt: string): string {
  return prompt.split(ANSWER, 1)[0];
}

/** FNV-1a over UTF-16 units, mixed so that near-equal prompts fall apart. Returns a uint32. */
export function hashText(text: string, seed: number): number {
  let state = mix32(seed ^ 0x811c9dc5);
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  return mix32(state);
}
