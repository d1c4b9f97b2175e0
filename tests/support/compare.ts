import { expect } from "bun:test";
import { relativeError, slope } from "../../engine/check/numbers.ts";

export { dot, randomIntegers, randomNumbers, relativeError } from "../../engine/check/numbers.ts";

/** Expects equal lengths and a relative error of at most `tolerance`. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance = 1e-5,
): void {
  expect(actual.length).toBe(expected.length);
  expect(relativeError(actual, expected)).toBeLessThanOrEqual(tolerance);
}

/** The gradient of a float64 function of several arrays at `inputs`, by central differences. */
export function numericalGradients(
  f: (...inputs: Float64Array[]) => number,
  inputs: readonly ArrayLike<number>[],
  step = 1e-5,
): Float64Array[] {
  const points = inputs.map((input) => Float64Array.from(input));
  return points.map((point) => point.map((_, i) => slope(point, i, step, () => f(...points))));
}
