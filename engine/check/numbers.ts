import { seededRandom } from "../ops/seeded-random.ts";

/** Largest |a − b| over the largest |b|: the measure of error used in all numeric tests. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0, largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(actual[i] - expected[i]);
    if (Number.isNaN(d)) return Infinity;
    difference = Math.max(difference, d);
    largest = Math.max(largest, Math.abs(expected[i]));
  }
  return largest === 0 ? difference : difference / largest;
}

/** Seeded numbers, roughly normal with standard deviation `scale`. */
export function randomNumbers(count: number, seed: number, scale = 1): Float32Array {
  const uniform = seededRandom(seed);
  return Float32Array.from(
    { length: count },
    () => scale * 1.7 * (uniform() + uniform() + uniform() + uniform() - 2),
  );
}

/** Seeded integers in 0 … bound − 1. */
export function randomIntegers(count: number, bound: number, seed: number): Uint32Array {
  return Uint32Array.from(
    randomNumbers(count, seed),
    (x) => Math.floor(Math.abs(x) * 7919) % bound,
  );
}

/** `count` distinct integers below `bound`, in no order. */
export function distinctIntegers(count: number, bound: number, seed: number): Uint32Array {
  const keys = randomNumbers(bound, seed);
  const shuffled = Array.from(keys, (_, i) => i).sort((a, b) => keys[a] - keys[b]);
  return Uint32Array.from(shuffled.slice(0, count));
}

/** ∂f/∂point[i] by a central difference; `point` is as before afterwards. */
export function slope(point: Float64Array, i: number, step: number, f: () => number): number {
  const value = point[i];
  point[i] = value + step;
  const above = f();
  point[i] = value - step;
  const below = f();
  point[i] = value;
  return (above - below) / (2 * step);
}

/** Σ weightᵢ·xᵢ: turns an op's output into the scalar whose gradient has `weight` as upstream. */
export function dot(x: ArrayLike<number>, weight: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < weight.length; i++) sum += x[i] * weight[i];
  return sum;
}
