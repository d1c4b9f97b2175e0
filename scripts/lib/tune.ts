// Times the variants of an op against each other, for scripts/tune.ts.
import type { Engine } from "../../engine/gpu/engine.ts";
import { chooseVariant } from "../../engine/ops/tuning.ts";
import type { Tensor } from "../../engine/tensor/tensor.ts";
import { measureInTurns, type SampleSettings, wallClock } from "./measure.ts";

/** An op at one class of shapes. */
export interface TuningCase {
  name: string;
  fallback: string;
  variants: readonly string[];
  /** Bytes of the largest operand: beyond what an adapter binds at once there is nothing to time. */
  largest: number;
  /** Makes the inputs; what it returns launches a variant. */
  prepare(engine: Engine): (variant: string) => Tensor;
}

/**
 * The fastest variant, timed in turns so that what disturbs one disturbs all. A variant whose numbers are not
 * the default's is not considered.
 */
export async function tuneCase(
  engine: Engine,
  { fallback, variants, prepare }: TuningCase,
  settings: SampleSettings = { samples: 9, sampleMs: 10 },
): Promise<{ choice: string; ratio: number }> {
  const scope = engine.openScope();
  try {
    const run = engine.within(scope, () => prepare(engine));
    const result = async (variant: string) => {
      const out = engine.within(scope, () => run(variant));
      return await out.read();
    };
    const expected = await result(fallback), right: string[] = [];
    for (const variant of variants) {
      if (agree(await result(variant), expected)) right.push(variant);
    }
    const works = right.map((variant) => ({ engine, body: () => run(variant) }));
    const times = await measureInTurns(works, wallClock, settings);
    return chooseVariant(Object.fromEntries(right.map((name, i) => [name, times[i]])), fallback);
  } finally {
    engine.close(scope);
  }
}

function agree(actual: Float32Array, expected: Float32Array): boolean {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return actual.every((value, i) => Math.abs(value - expected[i]) <= 1e-4 * largest);
}
