import type { Engine } from "../gpu/engine.ts";
import { expectShape, type Tensor } from "../tensor/tensor.ts";
import { checkHeads, headParameters, type Heads } from "./attention.ts";
import { type HeadView } from "./heads.ts";

/** Keys and values of the rows seen so far, [B, Hk, T, D] each, of one layer: what a head reads lies together. */
export interface LayerCache {
  keys: Tensor;
  values: Tensor;
}

/**
 * An empty cache for `sequences` of at most `capacity` rows, in textures where the adapter computes on the CPU:
 * its loads from those cost half.
 */
export function newLayerCache(
  engine: Engine,
  [sequences, capacity]: readonly [number, number],
  { keyHeads, headSize }: Heads,
  textures = engine.features.software,
): LayerCache {
  const shape = [sequences, keyHeads, capacity, headSize];
  const make = () => textures ? engine.texels(shape) : engine.empty(shape);
  return { keys: make(), values: make() };
}

/**
 * Writes rows of keys and values, [N, Hk, D] as heads, into a cache, row n at (sequences[n], positions[n]).
 * Positions past the cache's capacity are left out.
 */
export function storeInCache(
  k: HeadView,
  v: HeadView,
  { keys, values }: LayerCache,
  sequences: Tensor,
  positions: Tensor,
  { keyHeads, headSize }: Heads,
): void {
  const { engine } = keys, [rows] = positions.shape;
  expectShape("storeInCache", "cache.keys", keys, [null, keyHeads, null, headSize]);
  expectShape("storeInCache", "cache.values", values, keys.shape);
  expectShape("storeInCache", "sequences", sequences, [rows]);
  expectShape("storeInCache", "k", k.tensor, [rows, null]);
  expectShape("storeInCache", "v", v.tensor, [rows, null]);
  const bindings = {
    k: k.tensor,
    v: v.tensor,
    sequences,
    positions,
    cache_k: keys,
    cache_v: values,
  };
  const parameters = {
    rows,
    key_heads: keyHeads,
    head_vectors: headSize / 4,
    capacity: keys.shape[2],
    k_first: k.first / 4,
    k_row: k.row / 4,
    k_head: k.head / 4,
    v_first: v.first / 4,
    v_row: v.row / 4,
    v_head: v.head / 4,
  };
  const grid = engine.grid(rows * keyHeads * headSize / 4);
  const shader = keys.storage.kind === "texture" ? "attention_texture" : "attention";
  engine.launch(shader, "store", bindings, parameters, grid);
}

/** The kernels of `decodeAttention`, by how the cache is kept and read. All add in the same order. */
export const decodeVariants = ["plain", "texture", "subgroup"] as const;
export type DecodeVariant = typeof decodeVariants[number];

const decodeShaders = {
  plain: "attention",
  texture: "attention_texture",
  subgroup: "attention_texture_subgroup",
} as const;

/**
 * Attention of one new row per sequence, at `positions` [B], over the cached rows 0 … position (which
 * include the new one). Not differentiable.
 * @param q [B, H, D], as heads
 * @returns [B, H·D]
 */
export function decodeAttention(
  q: HeadView,
  { keys, values }: LayerCache,
  positions: Tensor,
  heads: Heads,
  variant = decodeVariant(keys, heads),
): Tensor {
  checkHeads(heads);
  const { engine, shape: [count, , capacity] } = keys;
  const { headSize, keyHeads } = heads;
  expectShape("decodeAttention", "q", q.tensor, [count, null]);
  expectShape("decodeAttention", "cache.keys", keys, [null, keyHeads, null, headSize]);
  expectShape("decodeAttention", "cache.values", values, keys.shape);
  expectShape("decodeAttention", "positions", positions, [count]);
  const out = engine.empty([count, heads.heads * headSize]);
  const bindings = { q: q.tensor, out, positions, cached_k: keys, cached_v: values };
  const parameters = {
    ...headParameters(heads),
    capacity,
    q_first: q.first / 4,
    q_row: q.row / 4,
    q_head: q.head / 4,
  };
  const SHARED = variant === "plain" ? 1 : sharedHeads(heads);
  const constants: Record<string, number> = {
    HEAD_VECTORS: headSize / 4,
    ...SHARED > 1 && { SHARED },
  };
  if (variant !== "subgroup") {
    constants.LANES = lanesOf(engine, headSize);
    // On a software adapter loops over a large head are not unrolled.
    constants.UNROLL = Number(!engine.features.software || headSize <= 32);
  }
  const grid = [heads.heads / SHARED, count, 1] as const;
  engine.launch(decodeShaders[variant], "decode", bindings, parameters, grid, constants);
  return out;
}

/**
 * Lanes that share out the keys of a row: on a software adapter few, which are joined sooner; elsewhere as many as
 * leave their sums, of a head and two numbers each, room in workgroup memory.
 */
function lanesOf({ device, features: { software, lanes } }: Engine, headSize: number): number {
  if (software) return lanes;
  const room = device.limits.maxComputeWorkgroupStorageSize / (4 * headSize + 8);
  return Math.min(32, 2 ** Math.floor(Math.log2(room)));
}

function decodeVariant({ engine, storage }: Tensor, { headSize }: Heads): DecodeVariant {
  if (storage.kind === "buffer") return "plain";
  return engine.features.subgroups && headSize % 32 === 0 ? "subgroup" : "texture";
}

const MOST_VECTORS = 16; // of the queries that a lane holds; more compile for long

/** The most query heads with the same keys that one workgroup does. */
function sharedHeads({ heads, keyHeads, headSize }: Heads): number {
  const group = heads / keyHeads;
  let shared = Math.max(1, Math.min(group, Math.floor(MOST_VECTORS * 4 / headSize)));
  while (group % shared) shared--;
  return shared;
}
