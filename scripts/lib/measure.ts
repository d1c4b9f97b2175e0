import type { Engine } from "../../engine/gpu/engine.ts";

/** Milliseconds: the median, and half the distance between the quartiles. */
export interface Timing {
  median: number;
  spread: number;
}

const SAMPLES = 15, SAMPLE_MS = 20;

/**
 * Times of one `body`, whose tensors are freed. Each sample is as many launches as take 20 ms and one wait for
 * the GPU.
 */
export async function measure(engine: Engine, body: () => unknown): Promise<Timing> {
  const finished = engine.zeros([1]);
  const sample = async (count: number) => {
    const start = performance.now();
    for (let i = 0; i < count; i++) engine.scope(() => void body());
    await finished.read();
    return (performance.now() - start) / count;
  };
  await sample(3);
  const count = Math.max(1, Math.round(SAMPLE_MS / await sample(3)));
  const times: number[] = [];
  for (let i = 0; i < SAMPLES; i++) times.push(await sample(count));
  engine.release(finished);
  return timingOf(times);
}

/** The timing of these samples, in any order. */
export function timingOf(times: readonly number[]): Timing {
  const sorted = times.toSorted((a, b) => a - b);
  const [low, median, high] = [1, 2, 3].map((i) => sorted[Math.floor(i * sorted.length / 4)]);
  return { median, spread: (high - low) / 2 };
}
