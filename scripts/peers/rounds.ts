// Taking turns: whatever else the machine does slows whoever runs just then, so contenders are measured in
// rounds, one sample each, and compared by their medians.
import { timingOf } from "../lib/measure.ts";
import type { Contender, Details, Runner } from "./contender.ts";
import type { Work } from "./works.ts";

/** Times and counts are those of one run. */
export interface Measurement {
  engine: string;
  medianMs: number;
  spreadMs: number;
  details?: Details;
}

export interface Outcome {
  measurements: Measurement[];
  /** Why a contender is not among them, a line each. */
  remarks: string[];
}

const SAMPLE_MS = 60, SLOW_MS = 1000, TOTAL_MS = 12_000, ROUNDS = { least: 3, most: 11 };
const TOLERANCE = 1e-3; // of the largest number of a result; sums in f32 in any order agree better

/**
 * Measures one work in all contenders. The first of them sets the answer; one that computes something else
 * is left out, with a remark, and so is one that fails.
 */
export async function compare(contenders: readonly Contender[], work: Work): Promise<Outcome> {
  const entrants: Entrant[] = [], remarks: string[] = [];
  let expected: Float32Array[] | undefined;
  for (const contender of contenders) {
    try {
      const runner = await contender.prepare(work);
      if (!runner) continue;
      const results = await runner.results();
      expected ??= results;
      checkSame(results, expected);
      const entrant = new Entrant(contender.name, runner);
      await entrant.warmUp();
      entrants.push(entrant);
    } catch (error) {
      remarks.push(`${contender.name} is left out: ${(error as Error).message}`);
    }
  }
  const cost = entrants.reduce((sum, { sampleMs }) => sum + sampleMs, 0);
  const rounds = Math.min(Math.max(Math.round(TOTAL_MS / cost), ROUNDS.least), ROUNDS.most);
  for (let round = 0; round < rounds; round++) {
    // There and back again, so that nobody always follows the same one.
    for (const entrant of round % 2 ? entrants.toReversed() : entrants) await entrant.sample();
  }
  for (const entrant of entrants) entrant.runner.release();
  return { measurements: entrants.map((entrant) => entrant.measurement()), remarks };
}

/** One contender at one work, with its samples so far. */
class Entrant {
  sampleMs = 0;
  #runs = 1;
  #times: number[] = [];
  #details: Details[] = [];

  constructor(readonly name: string, readonly runner: Runner) {}

  /** Runs until nothing is done for the first time, and finds how many runs make a sample. */
  async warmUp(): Promise<void> {
    this.sampleMs = await this.#time();
    if (this.sampleMs > SLOW_MS) return; // its results have warmed it up; one more run would only cost
    this.#runs = Math.max(1, Math.round(SAMPLE_MS / await this.#time()));
    this.sampleMs = this.#runs * await this.#time();
  }

  async sample(): Promise<void> {
    this.runner.details?.();
    this.#times.push(await this.#time());
    const details = this.runner.details?.();
    if (details) this.#details.push(details);
  }

  measurement(): Measurement {
    const { median, spread } = timingOf(this.#times);
    const details = this.#details.length ? perRun(this.#details, this.#runs) : undefined;
    return { engine: this.name, medianMs: median, spreadMs: spread, details };
  }

  /** Milliseconds of one run. */
  async #time(): Promise<number> {
    const start = performance.now();
    for (let i = 0; i < this.#runs; i++) await this.runner.run();
    await this.runner.finish();
    return (performance.now() - start) / this.#runs;
  }
}

function perRun(samples: readonly Details[], runs: number): Details {
  const mean = (key: keyof Details) =>
    samples.reduce((sum, details) => sum + details[key], 0) / samples.length / runs;
  return {
    scriptMs: mean("scriptMs"),
    buffersCreated: mean("buffersCreated"),
    bindGroupsCreated: mean("bindGroupsCreated"),
    pipelinesCreated: mean("pipelinesCreated"),
  };
}

/** @throws {Error} where the numbers of the two differ by more than rounding */
export function checkSame(results: Float32Array[], expected: Float32Array[]): void {
  for (const [i, right] of expected.entries()) {
    const given = results[i];
    if (given?.length !== right.length) {
      throw new Error(`result ${i} has ${given?.length} numbers, not ${right.length}`);
    }
    const scale = right.reduce((largest, x) => Math.max(largest, Math.abs(x)), 0);
    const place = right.findIndex((x, j) => !(Math.abs(given[j] - x) <= TOLERANCE * scale));
    if (place >= 0) {
      throw new Error(
        `number ${place} of result ${i} is ${given[place]}, not ${
          right[place]
        } as the first has it`,
      );
    }
  }
}
