import { clusteredMean, type Estimate } from "../../engine/rl/statistics.ts";

/** Quantiles of a number of lengths. */
export interface Quantiles {
  median: number;
  p90: number;
  longest: number;
}

export interface Lengths {
  unit: "words" | "tokens";
  /** These two null where there are no rows. */
  prompts: Quantiles | null;
  responses: Quantiles | null;
  /** Among pairs of unequal length, the share in which the longer response won; null where there are too few. */
  longerWins: Estimate | null;
  /** Shares of responses and of prompts longer than a run's limits: with a model. */
  overlongResponses: number | null;
  cutPrompts: number | null;
}

/** What is measured of a response and its prompt. */
export interface LengthRow {
  prompt: string;
  promptLength: number;
  chosenLength: number;
  /** Null where the row is no pair. */
  rejectedLength: number | null;
}

export interface LengthLimits {
  /** Longest prompt that a run takes whole. */
  prompt: number;
  /** Longest response that it takes. */
  response: number;
}

/** @param limits of the model, in tokens; null where lengths are words */
export function measureLengths(
  rows: readonly LengthRow[],
  limits: LengthLimits | null,
  seed: number,
): Lengths {
  const responses = rows.flatMap(({ chosenLength, rejectedLength }) =>
    rejectedLength === null ? [chosenLength] : [chosenLength, rejectedLength]
  );
  const prompts = rows.map(({ promptLength }) => promptLength);
  const over = (lengths: readonly number[], most: number) =>
    lengths.filter((length) => length > most).length / (lengths.length || 1);
  return {
    unit: limits ? "tokens" : "words",
    prompts: quantiles(prompts),
    responses: quantiles(responses),
    longerWins: longerWins(rows, seed),
    overlongResponses: limits && over(responses, limits.response),
    cutPrompts: limits && over(prompts, limits.prompt),
  };
}

/** Clustered by prompt: pairs of the same prompt share its answers. */
function longerWins(rows: readonly LengthRow[], seed: number): Estimate | null {
  const unequal = rows.filter(({ chosenLength, rejectedLength }) =>
    rejectedLength !== null && chosenLength !== rejectedLength
  );
  const prompts = unequal.map(({ prompt }) => prompt);
  if (new Set(prompts).size < 2) return null;
  const wins = unequal.map((row) => row.chosenLength > row.rejectedLength! ? 1 : 0);
  return clusteredMean(wins, prompts, { seed });
}

function quantiles(lengths: readonly number[]): Quantiles | null {
  if (lengths.length === 0) return null;
  const sorted = lengths.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))];
  return { median: at(0.5), p90: at(0.9), longest: at(1) };
}
