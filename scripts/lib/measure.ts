import type { Engine } from "../../engine/gpu/engine.ts";

/** Milliseconds: the median, and half the distance between the quartiles. */
export interface Timing {
  median: number;
  spread: number;
}

/** Milliseconds of one of `count` runs of `body`, whose tensors are freed. */
export type Clock = (engine: Engine, body: () => unknown, count: number) => Promise<number>;

/** Work that is timed on an engine. */
export interface Timed {
  engine: Engine;
  body: () => unknown;
}

const MOST_RUNS = 10_000; // of a sample, however short they are

/** How long is measured; where absent, 15 samples of 20 ms. */
export interface SampleSettings {
  samples?: number;
  sampleMs?: number;
}

/** The time until the GPU has finished a queue of runs, launching counted too. */
export const wallClock: Clock = async (engine, body, count) => {
  const finished = engine.zeros([1]);
  await finished.read();
  const start = performance.now();
  for (let i = 0; i < count; i++) engine.scope(() => void body());
  await finished.read();
  const time = performance.now() - start;
  engine.release(finished);
  return time / count;
};

/** The time that the GPU itself spends in the launches, by its timestamps. */
export const gpuClock: Clock = async (engine, body, count) => {
  const launches = await engine.profile(() => {
    for (let i = 0; i < count; i++) engine.scope(() => void body());
  });
  return launches.reduce((sum, { start, end }) => sum + end - start, 0) / count;
};

/** Times of one `body`. Each sample is as many runs as take 20 ms, within bounds. */
export async function measure(
  engine: Engine,
  body: () => unknown,
  clock: Clock = wallClock,
): Promise<Timing> {
  const [times] = await measureInTurns([{ engine, body }], clock);
  return timingOf(times);
}

/** Samples of each work, taken in turns, so that a machine that slows down slows all of them down. */
export async function measureInTurns(
  works: readonly Timed[],
  clock: Clock,
  { samples = 15, sampleMs = 20 }: SampleSettings = {},
): Promise<number[][]> {
  const counts: number[] = [];
  for (const { engine, body } of works) {
    await clock(engine, body, 3); // compiles
    const runs = Math.round(sampleMs / await clock(engine, body, 3));
    counts.push(Math.min(Math.max(1, runs), MOST_RUNS));
  }
  const times: number[][] = works.map(() => []);
  for (let sample = 0; sample < samples; sample++) {
    for (const [i, { engine, body }] of works.entries()) {
      times[i].push(await clock(engine, body, counts[i]));
    }
  }
  return times;
}

/** The timing of these samples, in any order. */
export function timingOf(times: readonly number[]): Timing {
  const sorted = times.toSorted((a, b) => a - b);
  const [low, median, high] = [1, 2, 3].map((i) => sorted[Math.floor(i * sorted.length / 4)]);
  return { median, spread: (high - low) / 2 };
}
