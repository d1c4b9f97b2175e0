import { seededRandom } from "../ops/seeded-random.ts";

/** A mean with the ends of its 95 % interval. */
export interface Estimate {
  mean: number;
  low: number;
  high: number;
}

export interface BootstrapOptions {
  seed: number;
  /** 2000 where absent. */
  resamples?: number;
}

/** The 97.5 % point of the standard normal distribution. */
const Z = 1.959963984540054;

/** Mean of at least two independent values with its normal-theory interval. */
export function estimateMean(values: readonly number[]): Estimate {
  checkValues(values);
  const mean = average(values);
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) /
    (values.length - 1);
  const half = Z * Math.sqrt(variance / values.length);
  return { mean, low: mean - half, high: mean + half };
}

/** Mean of at least two independent values with its percentile bootstrap interval. */
export function bootstrapMean(values: readonly number[], options: BootstrapOptions): Estimate {
  checkValues(values);
  const { seed, resamples = 2000 } = options;
  const random = seededRandom(seed);
  const means = Float64Array.from({ length: resamples }, () => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[Math.floor(random() * values.length)];
    return sum / values.length;
  }).sort();
  return { mean: average(values), low: quantile(means, 0.025), high: quantile(means, 0.975) };
}

/** Mean of `a[i] - b[i]`, where both speak of the same prompt `i`; prompts are resampled. */
export function pairedDifference(
  a: readonly number[],
  b: readonly number[],
  options: BootstrapOptions,
): Estimate {
  checkPaired(a, b);
  return bootstrapMean(a.map((value, i) => value - b[i]), options);
}

/** Share of prompts `i` with `a[i] > b[i]`, ties as half; prompts are resampled. */
export function winRate(
  a: readonly number[],
  b: readonly number[],
  options: BootstrapOptions,
): Estimate {
  checkPaired(a, b);
  return bootstrapMean(a.map((value, i) => (Math.sign(value - b[i]) + 1) / 2), options);
}

/** Share of successes with Wilson's interval, which holds at 0 and 1 and for few trials. */
export function wilsonShare(successes: number, trials: number): Estimate {
  if (!(trials > 0 && successes >= 0 && successes <= trials)) {
    throw new RangeError(`${successes} successes in ${trials} trials is no share`);
  }
  const mean = successes / trials;
  const scale = 1 + Z ** 2 / trials;
  const centre = (mean + Z ** 2 / (2 * trials)) / scale;
  const half = (Z / scale) * Math.sqrt(mean * (1 - mean) / trials + Z ** 2 / (4 * trials ** 2));
  return { mean, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/**
 * Distinct n-grams of all responses over their number of n-grams (1: nothing is said twice). It
 * falls with the amount of text, so compare only equally many responses of similar length. Zero
 * where no response has n tokens.
 */
export function distinctN<T>(responses: readonly (readonly T[])[], n: number): number {
  const grams = responses.flatMap((response) => ngrams(response, n));
  return grams.length === 0 ? 0 : new Set(grams).size / grams.length;
}

/**
 * Share of a response's n-grams that have already occurred in the same response: 0 where none
 * comes again, near 1 in a loop. Zero where it has fewer than n tokens.
 */
export function repetition<T>(response: readonly T[], n = 4): number {
  const grams = ngrams(response, n);
  return grams.length === 0 ? 0 : 1 - new Set(grams).size / grams.length;
}

function ngrams<T>(tokens: readonly T[], n: number): string[] {
  const grams: string[] = [];
  for (let i = 0; i + n <= tokens.length; i++) grams.push(JSON.stringify(tokens.slice(i, i + n)));
  return grams;
}

/** Linear interpolation between the two nearest of the sorted values. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

export function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

export function average(values: Iterable<number> & ArrayLike<number>): number {
  return sum(values) / values.length;
}

function checkValues(values: readonly number[]): void {
  if (values.length < 2) {
    throw new RangeError(`An interval takes at least 2 values, but there are ${values.length}`);
  }
  const at = values.findIndex((value) => !Number.isFinite(value));
  if (at >= 0) throw new RangeError(`Value ${at} of ${values.length} is ${values[at]}`);
}

function checkPaired(a: readonly number[], b: readonly number[]): void {
  if (a.length !== b.length) {
    throw new RangeError(
      `Paired values must be equally many, but there are ${a.length} and ${b.length}`,
    );
  }
}

/**
 * A statistic of a whole sample, such as the share of distinct n-grams, with an interval by the delete-a-group
 * jackknife: a bootstrap would repeat responses, and so lower their distinctness.
 */
export function jackknife<T>(
  items: readonly T[],
  statistic: (items: readonly T[]) => number,
  blocks = 20,
): Estimate {
  const groups = Math.min(blocks, items.length);
  if (groups < 2) throw new RangeError(`an interval needs at least 2 values, got ${items.length}`);
  const mean = statistic(items);
  const left = Array.from(
    { length: groups },
    (_, group) => statistic(items.filter((_, i) => i % groups !== group)),
  );
  const middle = average(left);
  const variance = (groups - 1) / groups *
    left.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  const half = (STUDENT[groups - 2] ?? 2.093) * Math.sqrt(variance); // 2.093: Student's t for 19 degrees
  return { mean, low: mean - half, high: mean + half };
}

/** The 97.5 % points of Student's t distribution for 1 … 10 degrees of freedom. */
const STUDENT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

/** Mean of a few independent observations, such as seeds, with Student's t interval. */
export function studentInterval(values: readonly number[]): Estimate {
  const normal = estimateMean(values);
  const t = STUDENT[values.length - 2] ?? Z;
  const half = (normal.high - normal.mean) * t / Z;
  return { mean: normal.mean, low: normal.mean - half, high: normal.mean + half };
}

/**
 * Mean of values that belong to clusters, such as the pairs of one prompt, with a bootstrap interval that
 * resamples whole clusters: values of one cluster are not independent.
 */
export function clusteredMean(
  values: readonly number[],
  clusters: readonly string[],
  { seed, resamples = 2000 }: BootstrapOptions,
): Estimate {
  const sums = new Map<string, [sum: number, count: number]>();
  values.forEach((value, i) => {
    const [sum, count] = sums.get(clusters[i]) ?? [0, 0];
    sums.set(clusters[i], [sum + value, count + 1]);
  });
  const groups = [...sums.values()];
  if (groups.length < 2) {
    throw new RangeError(`an interval needs at least 2 clusters, got ${groups.length}`);
  }
  const random = seededRandom(seed);
  const means = Float64Array.from({ length: resamples }, () => {
    let total = 0, count = 0;
    for (let i = 0; i < groups.length; i++) {
      const group = groups[Math.floor(random() * groups.length)];
      total += group[0];
      count += group[1];
    }
    return total / count;
  }).sort();
  return { mean: average(values), low: quantile(means, 0.025), high: quantile(means, 0.975) };
}
