// What the adapter can do at most: the roofline that measured kernels are held against.
import { copyVectors, multiplyAdd } from "../../engine/check/families/ceilings.ts";
import type { Engine } from "../../engine/gpu/engine.ts";
import { measure, type Timing } from "./measure.ts";

/** Arithmetic and memory traffic per second, each with nothing beside it. */
export interface Ceilings {
  flops: number;
  bytes: number;
}

const THREADS = 2 ** 18, FLOPS_PER_ROUND = 8 * 4 * 2; // eight vectors of four, a product and a sum each
const ROUNDS = { software: 64, hardware: 4096 }; // some milliseconds on either
const COPIED_VECTORS = 2 ** 22; // 64 MiB: larger than a cache

/** The time of one run of `body`. */
type Measure = (engine: Engine, body: () => void) => Promise<Timing>;

/**
 * Measures both, by the clock that the kernels compared with them are measured by, and in the same run: a
 * machine's speed varies.
 */
export async function measureCeilings(engine: Engine, clock: Measure = measure): Promise<Ceilings> {
  const rounds = ROUNDS[engine.features.software ? "software" : "hardware"];
  const scope = engine.openScope();
  const x = engine.within(scope, () => engine.zeros([COPIED_VECTORS, 4]));
  const perSecond = async (amount: number, run: () => void) =>
    amount / ((await clock(engine, run)).median / 1000);
  try {
    return {
      flops: await perSecond(
        THREADS * rounds * FLOPS_PER_ROUND,
        () => multiplyAdd(engine, THREADS, rounds),
      ),
      bytes: await perSecond(32 * COPIED_VECTORS, () => copyVectors(x)),
    };
  } finally {
    engine.close(scope);
  }
}
