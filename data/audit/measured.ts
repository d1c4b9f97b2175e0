import type { SplitName } from "../rows.ts";
import { EmptyPartError, type Fractions, type Split, splitRows } from "../split.ts";

/** What could not be measured: the reason why. */
export interface Unmeasured {
  unmeasured: string;
}

/** An audit ends in a verdict whatever the data are, so what cannot be measured is a finding, no error. */
export type Measured<T> = T | Unmeasured;

export function isMeasured<T extends object>(found: Measured<T>): found is T {
  return !("unmeasured" in found);
}

/** The split that a run makes of these rows, or why it can make none. */
export function runSplit<T extends { prompt: string; split: SplitName | null }>(
  rows: readonly T[],
  fractions: Fractions,
  seed: number,
): Measured<Split<T>> {
  try {
    return splitRows(rows, fractions, seed);
  } catch (error) {
    if (error instanceof EmptyPartError) return { unmeasured: error.message };
    throw error;
  }
}
