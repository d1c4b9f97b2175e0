import type { Engine } from "../gpu/engine.ts";
import type { KernelConstants } from "../gpu/kernels.ts";
import { tunedVariant } from "./tuning.ts";

/** How the lanes of a row's kernel add up what they found, see shaders/reductions.wgsl. */
export const reductionVariants = ["workgroup", "subgroup"] as const;

/** What a tuning calls the choice between them. */
export const REDUCTION_CLASS = "reductions of rows";

/**
 * What makes kernels of rows reduce the way the engine does: as measured, else by subgroups where a GPU has them.
 * Software adapters do as well without.
 */
export function reductionConstants({ features, tuning }: Engine): KernelConstants {
  const tuned = tuning && tunedVariant(tuning, REDUCTION_CLASS, reductionVariants);
  const chosen = tuned ? tuned === "subgroup" : !features.software;
  return chosen && features.subgroups ? { SUBGROUPS: 1 } : {};
}

/** The same for a row's kernel whose lanes need be no more than what a software adapter computes at once. */
export function rowConstants(engine: Engine): KernelConstants {
  const { software, lanes } = engine.features;
  return { WORKGROUP: software ? lanes : 64, ...reductionConstants(engine) };
}

/**
 * The same for a kernel whose rows are as long as a vocabulary: few rows, so on a real GPU each has as many lanes as
 * every adapter allows. Untimed there.
 */
export function longRowConstants(engine: Engine): KernelConstants {
  return { ...engine.features.software ? {} : { WORKGROUP: 256 }, ...reductionConstants(engine) };
}

/**
 * Whether a kernel that gives each lane a row of its own (`*_rows.wgsl`) can stand in for one that gives a row eight
 * lanes without subgroups: then both add in the same order, and on a software adapter the former is faster.
 */
export function laneDoesRow(engine: Engine, columns: number): boolean {
  const { software, lanes } = engine.features;
  return software && lanes === 8 && columns % 8 === 0 && !reductionConstants(engine).SUBGROUPS;
}

/** Runs `body`, whose kernels of rows then reduce this way; their gradients do too. */
export function withReductions<T>(engine: Engine, variant: string | undefined, body: () => T): T {
  const { tuning } = engine;
  if (variant) engine.tuning = { ...tuning, [REDUCTION_CLASS]: variant };
  try {
    return body();
  } finally {
    engine.tuning = tuning;
  }
}
