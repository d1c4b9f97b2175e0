import type { Tuning } from "../gpu/engine.ts";

/** The class of a product [rows, inner]·[inner, columns]: sizes up to the next power of two, and the storage. */
export function productClass(
  { rows, columns, inner }: { rows: number; columns: number; inner: number },
  { transposeA, transposeB }: { transposeA?: boolean; transposeB?: boolean },
): string {
  const sizes = [rows, columns, inner].map(nextPowerOfTwo).join("x");
  return `matmul ${sizes} ${transposeA ? "At" : "A"}${transposeB ? "Bt" : "B"}`;
}

/** The class of attention over sequences of up to `longest` rows with heads of `headSize`. */
export function attentionClass(headSize: number, longest: number): string {
  return `attention ${nextPowerOfTwo(longest)} of ${headSize}`;
}

/** The choice for a class, or undefined. Throws on a variant that there is not (any more). */
export function tunedVariant<Variant extends string>(
  tuning: Tuning,
  name: string,
  known: readonly Variant[],
): Variant | undefined {
  const choice = tuning[name];
  if (choice === undefined || known.includes(choice as Variant)) return choice as Variant;
  throw new RangeError(
    `the tuning chooses "${choice}" for "${name}", but there are ${
      known.join(", ")
    }; run scripts/tune.ts again`,
  );
}

/**
 * The variant with the least median time, where that is by more than `margin` below the default's, for noise
 * must not choose; and how many times as fast as the default it is.
 * @param timings samples of each variant in any unit, the default's among them
 */
export function chooseVariant(
  timings: Readonly<Record<string, readonly number[]>>,
  fallback: string,
  margin = 0.1,
): { choice: string; ratio: number } {
  if (!timings[fallback]?.length) throw new Error(`the default "${fallback}" was not timed`);
  const usual = median(timings[fallback]);
  let choice = fallback, least = usual * (1 - margin);
  for (const [name, times] of Object.entries(timings)) {
    if (median(times) < least) [choice, least] = [name, median(times)];
  }
  return { choice, ratio: usual / median(timings[choice]) };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}

function nextPowerOfTwo(size: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(size, 1)));
}
