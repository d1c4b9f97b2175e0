// Taking turns: whatever else the machine does slows whoever runs just then, so contenders are measured in
// rounds, one sample each, and compared by their medians.
import { timingOf } from "../lib/measure.ts";
import type { Competitor } from "./competitor.ts";
import type { Details } from "./contender.ts";
import type { Work } from "./works.ts";

/** Times and counts are those of one run. */
export interface Measurement {
  work: Work;
  engine: string;
  medianMs: number;
  spreadMs: number;
  /** A time of each round. */
  samplesMs: number[];
  details?: Details;
}

/** A competitor without a measurement. */
export interface LeftOut {
  work: Work;
  engine: string;
  reason: string;
}

export interface Outcome {
  measurements: Measurement[];
  leftOut: LeftOut[];
}

const SAMPLE_MS = 60, SLOW_MS = 1000, TOTAL_MS = 12_000, ROUNDS = { least: 3, most: 11 };
const TOLERANCE = 1e-3; // of the largest number of a result; sums in f32 in any order agree better

/** Who takes turns, and at what. */
export interface Turn {
  competitor: Competitor;
  work: Work;
}

/**
 * Measures one work in all competitors that have means for it, and other works in turns with it. The first of a work
 * sets the answer; one that computes something else is left out, and so is one that fails or does not finish.
 */
export async function compare(
  competitors: readonly Competitor[],
  work: Work,
  beside: readonly Turn[] = [],
): Promise<Outcome> {
  const leftOut: LeftOut[] = [];
  const expected = new Map<Work, Float32Array[]>();
  let entrants: Entrant[] = [];
  /** Whether the competitor got through `task`. */
  const attempt = async ({ competitor, work }: Turn, task: () => Promise<void>) => {
    try {
      await task();
      return true;
    } catch (error) {
      leftOut.push({ work, engine: competitor.name, reason: (error as Error).message });
      await competitor.release().catch(() => {}); // it may have nothing to release
      return false;
    }
  };
  for (const turn of [...competitors.map((competitor) => ({ competitor, work })), ...beside]) {
    const { competitor, work } = turn;
    await attempt(turn, async () => {
      if (!await competitor.prepare(work)) return;
      const results = await competitor.results();
      checkSame(results, expected.get(work) ?? results);
      expected.set(work, expected.get(work) ?? results);
      const entrant = new Entrant(turn);
      await entrant.warmUp(results.length > 0);
      entrants.push(entrant);
    });
  }
  const cost = entrants.reduce((sum, { sampleMs }) => sum + sampleMs, 0);
  const rounds = Math.min(Math.max(Math.round(TOTAL_MS / cost), ROUNDS.least), ROUNDS.most);
  for (let round = 0; round < rounds; round++) {
    // There and back again, so that nobody always follows the same one.
    for (const entrant of round % 2 ? entrants.toReversed() : entrants) {
      const finished = await attempt(entrant.turn, () => entrant.sample());
      if (!finished) entrants = entrants.filter((other) => other !== entrant);
    }
  }
  for (const { turn } of entrants) await turn.competitor.release();
  return { measurements: entrants.map((entrant) => entrant.measurement()), leftOut };
}

/** One competitor at one work, with its samples so far. */
class Entrant {
  sampleMs = 0;
  #runs = 1;
  #times: number[] = [];
  #details: Details[] = [];

  constructor(readonly turn: Turn) {}

  /**
   * Runs until nothing is done for the first time, and finds how many runs make a sample.
   * @param computed whether it has made results
   */
  async warmUp(computed: boolean): Promise<void> {
    if (!computed) await this.#time();
    this.sampleMs = await this.#time();
    if (this.sampleMs > SLOW_MS) return; // its results have warmed it up; one more run would only cost
    this.#runs = Math.max(1, Math.round(SAMPLE_MS / await this.#time()));
    this.sampleMs = await this.#time();
  }

  async sample(): Promise<void> {
    const { ms, details } = await this.turn.competitor.sample(this.#runs);
    this.#times.push(ms / this.#runs);
    if (details) this.#details.push(details);
  }

  measurement(): Measurement {
    const { median, spread } = timingOf(this.#times);
    const details = this.#details.length ? perRun(this.#details, this.#runs) : undefined;
    const { work, competitor: { name: engine } } = this.turn;
    return { work, engine, medianMs: median, spreadMs: spread, samplesMs: this.#times, details };
  }

  /** Milliseconds of a sample. */
  async #time(): Promise<number> {
    return (await this.turn.competitor.sample(this.#runs)).ms;
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
