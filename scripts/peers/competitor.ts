// What the rounds ask of whoever takes part in them, in this process or in one of its own.
import type { Details } from "./contender.ts";
import type { Work } from "./works.ts";

/** Only one call at a time; after `prepare`, the others are about that work until `release`. */
export interface Competitor {
  readonly name: string;
  /** False for a work that this library has no means for. */
  prepare(work: Work): Promise<boolean>;
  /** Runs once and tells what it computed. */
  results(): Promise<Float32Array[]>;
  /** Runs this many times. */
  sample(runs: number): Promise<Sample>;
  release(): Promise<void>;
}

/** Of all runs together. */
export interface Sample {
  ms: number;
  details?: Details;
}
