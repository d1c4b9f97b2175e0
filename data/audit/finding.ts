import { percent } from "../percent.ts";
import type { Threshold } from "./thresholds.ts";

export type Fitness = "fit" | "fit with care" | "not fit";

/** What was found, and why it matters. */
export interface Finding {
  fitness: Exclude<Fitness, "fit">;
  text: string;
  why: string;
}

/** A count below its threshold. */
export function tooFew(threshold: Threshold, value: number, what: string): Finding[] {
  if (value >= threshold.care) return [];
  const text = `${Number.isInteger(value) ? value : value.toFixed(2)} ${what}`;
  return [{
    fitness: threshold.unfit !== undefined && value < threshold.unfit ? "not fit" : "fit with care",
    text: `${text}; expected ${threshold.care} or more`,
    why: threshold.why,
  }];
}

/** A share of counts above its threshold. */
export function tooMany(threshold: Threshold, count: number, of: number, what: string): Finding[] {
  if (of === 0) return [];
  return aboveShare(threshold, count / of, `(${count} of ${of}) ${what}`);
}

export function aboveShare(threshold: Threshold, share: number, what: string): Finding[] {
  if (share <= threshold.care) return [];
  const unfit = threshold.unfit !== undefined && share > threshold.unfit;
  return [{
    fitness: unfit ? "not fit" : "fit with care",
    text: `${percent(share)} ${what}`,
    why: threshold.why,
  }];
}
