import { expect } from "bun:test";
import { relativeError } from "../../engine/check/numbers.ts";

export {
  dot,
  numericalGradients,
  randomIntegers,
  randomNumbers,
  relativeError,
} from "../../engine/check/numbers.ts";

/** Expects equal lengths and a relative error of at most `tolerance`. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance = 1e-5,
): void {
  expect(actual.length).toBe(expected.length);
  expect(relativeError(actual, expected)).toBeLessThanOrEqual(tolerance);
}
