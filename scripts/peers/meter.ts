import type { Engine, EngineCounts } from "../../engine/gpu/engine.ts";
import type { Tensor } from "../../engine/tensor/tensor.ts";
import type { Details } from "./contender.ts";

/** Tells the time of scripts from that of waiting for the device, and counts what a warm run must not create. */
export class Meter {
  #waitedMs = 0;
  #waiting = 0;
  #waitingSince = 0;
  #start = performance.now();
  #counts: EngineCounts;

  constructor(readonly engine: Engine) {
    this.#counts = engine.counts;
    const { read, readIntegers } = engine;
    engine.read = (tensor: Tensor) => this.#wait(read.call(engine, tensor));
    engine.readIntegers = (tensor: Tensor) => this.#wait(readIntegers.call(engine, tensor));
  }

  /** What happened since the last call. */
  take(): Details {
    const now = performance.now(), counts = this.engine.counts, before = this.#counts;
    const details = {
      scriptMs: now - this.#start - this.#waitedMs,
      buffersCreated: counts.buffersCreated - before.buffersCreated,
      bindGroupsCreated: counts.bindGroupsCreated - before.bindGroupsCreated,
      pipelinesCreated: counts.pipelinesCreated - before.pipelinesCreated,
    };
    [this.#start, this.#waitedMs, this.#counts] = [now, 0, counts];
    return details;
  }

  /** Counts from here, where all that the call itself had to do is done, to the answer; overlapping waits once. */
  async #wait<T>(answer: Promise<T>): Promise<T> {
    if (this.#waiting++ === 0) this.#waitingSince = performance.now();
    try {
      return await answer;
    } finally {
      if (--this.#waiting === 0) this.#waitedMs += performance.now() - this.#waitingSince;
    }
  }
}
