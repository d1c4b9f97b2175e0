// What the adapter can do at most: the roofline that measured kernels are held against.
import type { Engine } from "../../engine/gpu/engine.ts";
import { measure } from "./measure.ts";

/** Arithmetic and memory traffic per second, each with nothing beside it. */
export interface Ceilings {
  flops: number;
  bytes: number;
}

const THREADS = 2 ** 18, FLOPS_PER_ROUND = 8 * 4 * 2; // eight vectors of four, a product and a sum each
const ROUNDS = { software: 64, hardware: 4096 }; // some milliseconds on either
const COPIED_VECTORS = 2 ** 22; // 64 MiB: larger than a cache

/** Measures both. Kernels compared with them must be measured in the same run: a machine's speed varies. */
export async function measureCeilings(engine: Engine): Promise<Ceilings> {
  const scope = engine.openScope();
  const { arithmetic, traffic } = engine.within(scope, () => ({
    arithmetic: multiplyAddCeiling(engine),
    traffic: copyCeiling(engine),
  }));
  const perSecond = async (amount: number, run: () => void) =>
    amount / ((await measure(engine, run)).median / 1000);
  try {
    return {
      flops: await perSecond(arithmetic.flops, arithmetic.run),
      bytes: await perSecond(traffic.bytes, traffic.run),
    };
  } finally {
    engine.close(scope);
  }
}

/** A loop of fused multiply-adds in f32 that touches no memory. */
export function multiplyAddCeiling(engine: Engine): { run(): void; flops: number } {
  const out = engine.empty([THREADS, 4]);
  const rounds = engine.features.software ? ROUNDS.software : ROUNDS.hardware;
  const parameters = { count: THREADS, rounds, factor: 0.999, term: 0.001 };
  const grid = [THREADS / 64, 1, 1] as const;
  return {
    run: () => engine.launch("ceilings", "multiply_add", { out }, parameters, grid),
    flops: THREADS * rounds * FLOPS_PER_ROUND,
  };
}

/** A copy of 64 MiB; reading and writing both count. */
export function copyCeiling(engine: Engine): { run(): void; bytes: number } {
  const x = engine.zeros([COPIED_VECTORS, 4]), out = engine.empty([COPIED_VECTORS, 4]);
  const parameters = { count: COPIED_VECTORS };
  const grid = engine.grid(COPIED_VECTORS);
  return {
    run: () => engine.launch("ceilings", "copy", { x, out }, parameters, grid),
    bytes: COPIED_VECTORS * 32,
  };
}
