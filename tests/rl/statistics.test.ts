import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { seededRandom } from "../../engine/ops/seeded-random.ts";
import { standardNormal } from "../../engine/ops/threefry.ts";
import {
  bootstrapMean,
  clusteredMean,
  distinctN,
  type Estimate,
  estimateMean,
  jackknife,
  pairedDifference,
  repetition,
  studentInterval,
  wilsonShare,
  winRate,
} from "../../engine/rl/statistics.ts";

function normals(count: number, random: () => number): number[] {
  return Array.from({ length: count }, () => standardNormal(1 - random(), random()));
}

test("the seeded generator is uniform and repeats by its seed", () => {
  const draw = (seed: number) => {
    const random = seededRandom(seed);
    return Array.from({ length: 10_000 }, random);
  };
  expect(draw(3)).toEqual(draw(3));
  expect(draw(3)).not.toEqual(draw(4));
  const tenths = new Array(10).fill(0);
  for (const value of draw(3)) tenths[Math.floor(value * 10)]++;
  // A tenth of 10,000 has a standard deviation of 30.
  for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(120);
});

test("the normal-theory interval of a small sample, worked by hand", () => {
  // Mean 2.5, sample variance 5/3, standard error √(5/12).
  const { mean, low, high } = estimateMean([1, 2, 3, 4]);
  expect(mean).toBe(2.5);
  expect(low).toBeCloseTo(2.5 - 1.959964 * Math.sqrt(5 / 12), 5);
  expect(high).toBeCloseTo(2.5 + 1.959964 * Math.sqrt(5 / 12), 5);
});

describe("the bootstrap interval", () => {
  test("agrees with normal theory on many normal values", () => {
    const values = normals(1000, seededRandom(5));
    const [normal, bootstrap] = [estimateMean(values), bootstrapMean(values, { seed: 1 })];
    expect(bootstrap.mean).toBe(normal.mean);
    expect(Math.abs(bootstrap.low - normal.low)).toBeLessThan(0.01);
    expect(Math.abs(bootstrap.high - normal.high)).toBeLessThan(0.01);
  });

  test("covers the true mean about 95 times in a hundred", () => {
    const random = seededRandom(6);
    let covered = 0;
    for (let trial = 0; trial < 300; trial++) {
      const values = normals(50, random);
      const { low, high } = bootstrapMean(values, { seed: trial, resamples: 400 });
      if (low <= 0 && 0 <= high) covered++;
    }
    expect(covered / 300).toBeGreaterThan(0.9);
    expect(covered / 300).toBeLessThan(0.99);
  });

  test("repeats by its seed and stays within the values", () => {
    const values = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), {
      minLength: 2,
      maxLength: 20,
    });
    fc.assert(
      fc.property(values, fc.integer(), (sample, seed) => {
        const estimate = bootstrapMean(sample, { seed, resamples: 50 });
        expect(estimate).toEqual(bootstrapMean(sample, { seed, resamples: 50 }));
        expect(estimate.low).toBeLessThanOrEqual(estimate.high);
        expect(estimate.low).toBeGreaterThanOrEqual(Math.min(...sample) - 1e-6);
        expect(estimate.high).toBeLessThanOrEqual(Math.max(...sample) + 1e-6);
      }),
      { seed: 8 },
    );
  });
});

test("a paired difference sees through what the pairs share", () => {
  const prompts = normals(100, seededRandom(7)).map((value) => 100 * value);
  const better = prompts.map((value, i) => value + 1 + 0.1 * (i % 2));
  const { mean, low, high } = pairedDifference(better, prompts, { seed: 1 });
  expect(mean).toBeCloseTo(1.05, 8);
  expect(low).toBeGreaterThan(1.02);
  expect(high).toBeLessThan(1.08);
});

test("ties are half a win, and the two sides sum to one", () => {
  const a = [1, 2, 3, 4, 5, 0];
  const b = [0, 2, 4, 3, 5, 1];
  const ours = winRate(a, b, { seed: 1 });
  const theirs = winRate(b, a, { seed: 1 });
  expect(ours.mean).toBe((2 + 2 * 0.5) / 6);
  expect(ours.mean + theirs.mean).toBeCloseTo(1, 12);
  expect(ours.low + theirs.high).toBeCloseTo(1, 12);
  expect(winRate([1, 1], [0, 0], { seed: 1 })).toEqual({ mean: 1, low: 1, high: 1 });
});

test("Wilson's interval has its published values", () => {
  // Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20 and 29 of 29.
  const cases = [[81, 263, 0.2553, 0.3662], [15, 148, 0.0624, 0.1605], [0, 20, 0, 0.1611]];
  for (const [successes, trials, low, high] of [...cases, [29, 29, 0.8830, 1]]) {
    const estimate = wilsonShare(successes, trials);
    expect(estimate.mean).toBe(successes / trials);
    expect(estimate.low).toBeCloseTo(low, 4);
    expect(estimate.high).toBeCloseTo(high, 4);
  }
});

test("distinct-n counts over all responses, repetition within one", () => {
  const a = ["the", "cat", "sat"];
  const b = ["the", "cat", "ran"];
  expect(distinctN([a, b], 2)).toBe(3 / 4);
  expect(distinctN([a, b, ["the"]], 1)).toBe(4 / 7);
  expect(distinctN([["the"]], 2)).toBe(0);
  // "a b", as tokens, is not "a", "b".
  expect(distinctN([["a b", "c"], ["a", "b c"]], 2)).toBe(1);
  expect(repetition([1, 2, 3, 4, 1, 2, 3, 4, 1])).toBeCloseTo(2 / 6, 12);
  expect(repetition(new Array(103).fill(7))).toBe(0.99);
  expect(repetition([1, 1, 1])).toBe(0);
});

test("too few or impossible values are refused", () => {
  expect(() => estimateMean([])).toThrow("at least 2 values, but there are 0");
  expect(() => bootstrapMean([1], { seed: 1 })).toThrow("there are 1");
  expect(() => estimateMean([1, NaN])).toThrow("Value 1 of 2 is NaN");
  expect(() => winRate([1, 2], [1], { seed: 1 })).toThrow("2 and 1");
  expect(() => wilsonShare(3, 2)).toThrow("3 successes in 2 trials");
  expect(() => wilsonShare(0, 0)).toThrow("0 trials");
});

test("clusters widen an interval when their values agree, and leave it where each stands alone", () => {
  const values = Array.from({ length: 300 }, (_, i) => Math.floor(i / 6) % 2);
  const together = clusteredMean(values, values.map((_, i) => `${Math.floor(i / 6)}`), { seed: 1 });
  const alone = clusteredMean(values, values.map((_, i) => `${i}`), { seed: 1 });
  const width = ({ low, high }: Estimate) => high - low;
  expect(together.mean).toBe(alone.mean);
  expect(width(together) / width(alone)).toBeGreaterThan(2);
  expect(width(together) / width(alone)).toBeLessThan(3); // √6
  expect(() => clusteredMean([1, 2], ["a", "a"], { seed: 1 })).toThrow("at least 2 clusters");
});

test("the jackknife of a mean is near the normal interval, and of distinct-n holds the whole's value", () => {
  const values = Array.from({ length: 400 }, (_, i) => (i * 7919) % 101);
  const mean = (some: readonly number[]) => some.reduce((a, b) => a + b, 0) / some.length;
  const found = jackknife(values, mean), normal = estimateMean(values);
  expect(found.mean).toBeCloseTo(normal.mean);
  expect((found.high - found.low) / (normal.high - normal.low)).toBeGreaterThan(0.6);
  expect((found.high - found.low) / (normal.high - normal.low)).toBeLessThan(1.6);
  expect(() => jackknife([1], mean)).toThrow("at least 2");
});

test("Student's interval over a few seeds is wider than the normal one", () => {
  const values = [1, 2, 3, 4, 5];
  const student = studentInterval(values), normal = estimateMean(values);
  expect((student.high - student.low) / (normal.high - normal.low)).toBeCloseTo(2.776 / 1.96, 3);
});
