import type { Engine } from "../gpu/engine.ts";
import type { KernelConstants } from "../gpu/kernels.ts";
import { mostTextureBytes, textureBytes } from "../gpu/textures.ts";
import { expectShape, type Shape, sizeOf, Tensor } from "../tensor/tensor.ts";
import { checkHeads, headParameters, type Heads } from "./attention.ts";
import { type HeadView, placeParameters } from "./heads.ts";

/**
 * Keys and values of the rows seen so far, of one layer, [B, Hk/G, T, G·D] each: G key heads are read at once and lie
 * together. In buffers G is 1.
 */
export interface LayerCache {
  keys: Tensor;
  values: Tensor;
}

/**
 * Empty caches for `sequences` of at most `capacity` rows, one a layer. Where the adapter computes on the CPU they
 * are in textures: its loads from those cost half. One texture has the keys of all layers and one the values where
 * they fit, so that a launch can read them all.
 */
export function newLayerCaches(
  engine: Engine,
  layers: number,
  [sequences, capacity]: readonly [number, number],
  heads: Heads,
  textures = engine.features.software,
): LayerCache[] {
  const together = textures ? headsTogether(engine, heads) : 1;
  const { keyHeads, headSize } = heads;
  const shape = [sequences, keyHeads / together, capacity, together * headSize];
  const [keys, values] = [0, 1].map(() =>
    textures
      ? texelsOfLayers(engine, layers, shape)
      : Array.from({ length: layers }, () => engine.empty(shape))
  );
  return keys.map((_, layer) => ({ keys: keys[layer], values: values[layer] }));
}

const MOST_TOGETHER = 128; // numbers of heads that lie together; more compile for long

/**
 * Key heads that lie together in textures: as many as shaders/cache_attention.wgsl attends to at once. A row of a large
 * cache is then read from end to end, which its memory is fast at.
 */
export function headsTogether({ features }: Engine, { keyHeads, headSize }: Heads): number {
  if (!features.subgroups || headSize % 32) return 1;
  const fits = (together: number) =>
    keyHeads % together === 0 && together * headSize <= MOST_TOGETHER;
  return [4, 2].find(fits) ?? 1;
}

/** A tensor of this shape a layer, all in one texture where they fit. */
function texelsOfLayers(engine: Engine, layers: number, shape: Shape): Tensor[] {
  const bytes = textureBytes(4 * sizeOf(shape)), each = Array.from({ length: layers });
  if (layers * bytes > mostTextureBytes(engine.device)) return each.map(() => engine.texels(shape));
  const { storage } = engine.texels([layers * bytes / 4]);
  return each.map((_, layer) => new Tensor(engine, storage, layer * bytes, shape, "f32"));
}

/** The vec4 of its texture at which a layer's cache begins; a buffer is bound where it begins. */
export function firstTexel({ storage, offset }: Tensor): number {
  return storage.kind === "texture" ? offset / 16 : 0;
}

/** @returns how many key heads lie together */
function expectCache(op: string, { keys, values }: LayerCache, heads: Heads): number {
  const { engine, storage } = keys, { keyHeads, headSize } = heads;
  const together = storage.kind === "texture" ? headsTogether(engine, heads) : 1;
  expectShape(op, "cache.keys", keys, [null, keyHeads / together, null, together * headSize]);
  expectShape(op, "cache.values", values, keys.shape);
  return together;
}

/**
 * Writes rows of keys and values, [N, Hk, D] as heads, into a cache, row n at (sequences[n], positions[n]).
 * Positions past the cache's capacity are left out.
 */
export function storeInCache(
  k: HeadView,
  v: HeadView,
  cache: LayerCache,
  sequences: Tensor,
  positions: Tensor,
  heads: Heads,
): void {
  const together = expectCache("storeInCache", cache, heads);
  const { keyHeads, headSize } = heads, { keys, values } = cache;
  const { engine } = keys, [rows] = positions.shape;
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
    first: firstTexel(keys),
    ...placeParameters({ k, v }),
  };
  const grid = engine.grid(rows * keyHeads * headSize / 4);
  if (keys.storage.kind === "buffer") {
    engine.launch("attention", "store", bindings, parameters, grid);
    return;
  }
  const constants = { HEAD_VECTORS: headSize / 4, KEY_HEADS: keyHeads, TOGETHER: together };
  engine.launch("attention_texture", "store", bindings, parameters, grid, constants);
}

/**
 * The kernels of `decodeAttention`, by how the cache is kept and read. All add in the same order where one key head is
 * read at a time.
 */
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
  cache: LayerCache,
  positions: Tensor,
  heads: Heads,
  variant = decodeVariant(cache.keys, heads),
): Tensor {
  checkHeads(heads);
  const together = expectCache("decodeAttention", cache, heads), { keys, values } = cache;
  const { engine, shape: [count, , capacity] } = keys;
  expectShape("decodeAttention", "q", q.tensor, [count, null]);
  expectShape("decodeAttention", "positions", positions, [count]);
  const out = engine.empty([count, heads.heads * heads.headSize]);
  const bindings = { q: q.tensor, out, positions, cached_k: keys, cached_v: values };
  const parameters = {
    ...headParameters(heads),
    capacity,
    together,
    first: firstTexel(keys),
    ...placeParameters({ q }),
  };
  const constants = constantsOf(engine, variant, heads), { SHARED = 1, TOGETHER = 1 } = constants;
  const grid = [heads.heads / SHARED / TOGETHER, count, 1] as const;
  engine.launch(decodeShaders[variant], "decode", bindings, parameters, grid, constants);
  return out;
}

function constantsOf(engine: Engine, variant: DecodeVariant, heads: Heads): KernelConstants {
  const { headSize } = heads;
  if (variant === "subgroup") return lanesOfCache(engine, heads)!;
  return {
    HEAD_VECTORS: headSize / 4,
    ...variant === "texture" && { SHARED: sharedHeads(heads) },
    LANES: lanesOf(engine, headSize),
    // On a software adapter loops over a large head are not unrolled.
    UNROLL: Number(!engine.features.software || headSize <= 32),
  };
}

/** How the lanes of shaders/cache_attention.wgsl share out a cache of such heads; null where they cannot. */
export function lanesOfCache(engine: Engine, heads: Heads): KernelConstants | null {
  const { headSize } = heads;
  if (headSize > 32 && headSize % 32) return null;
  return {
    HEAD_VECTORS: headSize / 4,
    SHARED: sharedHeads(heads),
    TOGETHER: headsTogether(engine, heads),
    OF_KEY: headSize % 32 === 0 ? 8 : 1,
  };
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

function decodeVariant({ engine, storage }: Tensor, heads: Heads): DecodeVariant {
  if (storage.kind === "buffer") return "plain";
  return engine.features.subgroups && lanesOfCache(engine, heads) ? "subgroup" : "texture";
}

const MOST_VECTORS = 16; // of the queries that a lane holds; more compile for long

/** The most query heads with the same keys that one workgroup does. */
function sharedHeads({ heads, keyHeads, headSize }: Heads): number {
  const group = heads / keyHeads;
  let shared = Math.max(1, Math.min(group, Math.floor(MOST_VECTORS * 4 / headSize)));
  while (group % shared) shared--;
  return shared;
}
