import type { Work } from "./works.ts";

/** A library that the works are measured in. */
export interface Contender {
  readonly name: string;
  /** Makes inputs and compiles; null for a work that this library has no means for. */
  prepare(work: Work): Promise<Runner | null>;
}

/** One work, ready to run. */
export interface Runner {
  /** Starts one run. */
  run(): void | Promise<void>;
  /** Waits until all runs started are done. */
  finish(): Promise<void>;
  /** Runs once more and tells what it computed, in the order and layout of ./homeport.ts. */
  results(): Promise<Float32Array[]>;
  release(): void;
  /** What is known of the runs since the last call beside their time, where the library tells. */
  details?(): Details;
}

export interface Details {
  /** Milliseconds not spent waiting for the device. */
  scriptMs: number;
  buffersCreated: number;
  bindGroupsCreated: number;
  pipelinesCreated: number;
}
