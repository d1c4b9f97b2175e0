import type { Features } from "../gpu/device.ts";
import type { Engine } from "../gpu/engine.ts";
import type { Layout, Sizes } from "./matmul-operands.ts";
import { fitsSubgroups } from "./matmul-subgroup.ts";
import { tileCount } from "./matmul-tiled.ts";
import { fitsVector, fitsVectorSubgroup, VECTOR_ROWS } from "./matmul-vector.ts";
import { productClass, tunedVariant } from "./tuning.ts";

/**
 * The kernels that make a product, and what an adapter must have for them. All give the same numbers up to
 * rounding.
 */
const needs = {
  tiled: null,
  tiled32: null,
  ksplit: null,
  matvec: null,
  matvec_subgroup: "subgroups",
  direct: null,
  subgroup: "subgroups",
  matrices: "subgroupMatrices",
} as const satisfies Record<string, keyof Features | null>;

export type MatmulVariant = keyof typeof needs;
export const matmulVariants = Object.keys(needs) as MatmulVariant[];

/** Whether an adapter with these features can run a kernel. */
export function hasMatmulVariant(features: Features, variant: MatmulVariant): boolean {
  const feature = needs[variant];
  return feature === null || Boolean(features[feature]);
}

/** Whether a kernel can make this product; another does it in its place where it cannot. */
export function fitsMatmulVariant(variant: MatmulVariant, sizes: Sizes, layout: Layout): boolean {
  if (variant === "matvec") return fitsVector(sizes, layout);
  if (variant === "matvec_subgroup") return fitsVectorSubgroup(sizes, layout);
  return variant !== "subgroup" || fitsSubgroups(sizes, layout);
}

/** The measured choice, else the default: software adapters are slow at workgroup memory, real GPUs live by it. */
export function matmulVariant(
  { features, tuning }: Engine,
  sizes: Sizes,
  layout: Layout,
): MatmulVariant {
  const tuned = tuning && tunedVariant(tuning, productClass(sizes, layout), matmulVariants);
  if (tuned && hasMatmulVariant(features, tuned)) return tuned;
  if (!features.software) return gpuVariant(features, sizes, layout);
  return features.subgroups && fitsSubgroups(sizes, layout) ? "subgroup" : "direct";
}

const CORES = 128; // that a large GPU has; fewer workgroups leave some idle
const LONG = 512; // k's from which on a sum is worth sharing

/** The untimed choice for a real GPU: enough workgroups first, then tiles as large as there can be. */
function gpuVariant(features: Features, sizes: Sizes, layout: Layout): MatmulVariant {
  if (sizes.rows <= VECTOR_ROWS && fitsVector(sizes, layout)) {
    const subgroups = features.subgroups && fitsVectorSubgroup(sizes, layout);
    return subgroups ? "matvec_subgroup" : "matvec";
  }
  if (tileCount(sizes, 64) >= CORES) return "tiled";
  return tileCount(sizes, 32) < CORES && sizes.inner >= LONG ? "ksplit" : "tiled32";
}
