import type { Competitor, Sample } from "./competitor.ts";
import type { Contender, Runner } from "./contender.ts";
import type { Work } from "./works.ts";

/** A library in this process. */
export class Local implements Competitor {
  readonly name: string;
  #runner: Runner | null = null;

  constructor(readonly contender: Contender) {
    this.name = contender.name;
  }

  async prepare(work: Work): Promise<boolean> {
    this.#runner = await this.contender.prepare(work);
    return this.#runner !== null;
  }

  results(): Promise<Float32Array[]> {
    return this.#prepared().results();
  }

  async sample(runs: number): Promise<Sample> {
    const runner = this.#prepared();
    runner.details?.(); // what was before does not count
    const start = performance.now();
    for (let i = 0; i < runs; i++) await runner.run();
    await runner.finish();
    return { ms: performance.now() - start, details: runner.details?.() };
  }

  release(): Promise<void> {
    this.#runner?.release();
    this.#runner = null;
    return Promise.resolve();
  }

  #prepared(): Runner {
    if (!this.#runner) throw new Error(`${this.name} has no work prepared`);
    return this.#runner;
  }
}
