import {
  attention,
  type AttentionVariant,
  type Heads,
  type Sequences,
  subgroupFits,
} from "../../ops/attention.ts";
import {
  decodeAttention,
  type DecodeVariant,
  type LayerCache,
  storeInCache,
} from "../../ops/cache.ts";
import { viewFused, viewHeads } from "../../ops/heads.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { attendRow, attentionReference } from "../attention.ts";
import { cacheInTextures, contentsOf } from "../caches.ts";
import { distinctIntegers } from "../numbers.ts";
import {
  constant,
  type Family,
  integers,
  type Op,
  type Sizes,
  variable,
  type Variant,
} from "../op.ts";

type Numbers = ArrayLike<number>;

const letters = {
  B: { meaning: "sequences" },
  T: { meaning: "rows of the longest sequence" },
  H: { meaning: "query heads" },
  K: { meaning: "key and value heads, a divisor of H", default: "H" },
  D: { meaning: "numbers of a head, a multiple of 4" },
  scale: { meaning: "factor of the scores; 0: 1/√D", default: 0 },
  ragged: { meaning: "1: lengths differ, among them 1 and 0", default: 0 },
};

function headsOf({ H, K, D, scale }: Sizes): Required<Heads> {
  return { heads: H, keyHeads: K, headSize: D, scale: scale || 1 / Math.sqrt(D) };
}

/** The lengths of B sequences: T, and where they are ragged also 1, 0 and others below T. */
function lengthsOf({ B, T, ragged }: Sizes): number[] {
  const length = (b: number) => b < 3 ? [T, 1, 0][b] : 1 + b * 37 % T;
  return Array.from({ length: B }, (_, b) => ragged ? length(b) : T);
}

/** Where each sequence starts, and where the last ends. */
function offsetsOf(lengths: readonly number[]): number[] {
  const offsets = [0];
  for (const length of lengths) offsets.push(offsets.at(-1)! + length);
  return offsets;
}

const attentionOp: Op = {
  name: "attention",
  summary: "causal attention over packed sequences",
  entries: ["forward", "delta", "query_gradient", "key_gradient"],
  letters,
  typical: { B: 32, T: 68, H: 4, K: 2, D: 16 },
  grid: [
    { B: 1, T: 1, H: 1, K: 1, D: 8 },
    { B: 5, T: 33, H: 4, K: 2, D: 16, ragged: 1 },
    { B: 2, T: 64, H: 8, K: 1, D: 12 },
    { B: 2, T: 19, H: 8, K: 1, D: 32 },
    { B: 2, T: 9, H: 3, K: 3, D: 8, scale: 0.7 },
    { B: 1, T: 70, H: 2, K: 2, D: 64 },
    { B: 3, T: 40, H: 2, K: 1, D: 128, ragged: 1 },
  ],
  more: [
    { B: 2, T: 65, H: 2, K: 2, D: 32 },
    { B: 1, T: 257, H: 2, K: 1, D: 96 },
    { B: 4, T: 300, H: 8, K: 1, D: 16, ragged: 1 },
  ],
  tolerance: {
    output: 2e-6,
    gradient: 1e-5,
    reason:
      "sums over some hundred keys in f32, each with an exponential of two units of rounding; " +
      "in a gradient the difference ⟨do, v⟩ − Δ cancels about a digit",
  },
  variants: [
    { name: "plain", shader: "attention" },
    {
      name: "subgroup",
      shader: "attention_subgroup",
      available: ({ subgroups }) => subgroups,
      fits: ({ D }) => subgroupFits(D),
    },
  ],
  problem(sizes) {
    const heads = headsOf(sizes), lengths = lengthsOf(sizes), offsets = offsetsOf(lengths);
    const { H, K, D } = sizes, rows = offsets.at(-1)!;
    const sequences = { count: lengths.length, longest: Math.max(...lengths) };
    return {
      inputs: {
        q: variable([rows, H * D], 1),
        k: variable([rows, K * D], 2),
        v: variable([rows, K * D], 3),
        offsets: integers(offsets),
      },
      run({ q, k, v, offsets }, name) {
        const packed: Sequences = { offsets, ...sequences }, variant = name as AttentionVariant;
        return { out: attention(q, k, v, heads, packed, variant) };
      },
      reference: (inputs) => ({ out: attentionReference(inputs, heads, offsets) }),
    };
  },
  cost(sizes) {
    const { H, K, D } = sizes, lengths = lengthsOf(sizes);
    const rows = lengths.reduce((sum, n) => sum + n, 0);
    const pairs = lengths.reduce((sum, n) => sum + n * (n + 1) / 2, 0);
    return { flops: 4 * pairs * H * D, bytes: 8 * rows * (H + K) * D };
  },
};

/** Where keys and values of earlier rows may be kept. */
const cacheVariants: readonly Variant[] = [
  { name: "plain", shader: "attention" },
  { name: "texture", shader: "attention_texture" },
];

/** A cache of these keys and values [B, K, T, D]. */
function cacheOf(keys: Tensor, values: Tensor, heads: Heads, variant = "plain"): LayerCache {
  return variant === "plain" ? { keys, values } : cacheInTextures(keys, values, heads);
}

const decodeOp: Op = {
  name: "decodeAttention",
  summary: "attention of one new row per sequence over a cache of keys and values",
  entries: ["decode"],
  letters: {
    ...letters,
    T: { meaning: "rows of the cache per sequence" },
    fused: {
      meaning: "1: queries lie in fused rows of queries, keys and values, by heads",
      default: 0,
    },
  },
  typical: { B: 32, T: 68, H: 4, K: 2, D: 16 },
  grid: [
    { B: 1, T: 1, H: 1, K: 1, D: 8 },
    { B: 3, T: 35, H: 4, K: 2, D: 16, ragged: 1 },
    { B: 2, T: 66, H: 8, K: 1, D: 12, ragged: 1 },
    { B: 1, T: 72, H: 2, K: 2, D: 64 },
    { B: 2, T: 42, H: 2, K: 1, D: 128, ragged: 1 },
    { B: 3, T: 37, H: 4, K: 2, D: 32, ragged: 1 },
    { B: 3, T: 21, H: 4, D: 32, ragged: 1 },
    { B: 4, T: 9, H: 16, K: 8, D: 32, ragged: 1, fused: 1 },
    { B: 2, T: 19, H: 24, K: 12, D: 64, ragged: 1 },
    { B: 4, T: 260, H: 6, K: 2, D: 24, ragged: 1, fused: 1 }, // a head across two rows of a texture
  ],
  more: [{ B: 4, T: 1000, H: 8, K: 2, D: 64, ragged: 1 }],
  tolerance: {
    output: 2e-6,
    reason: "a sum over the cached keys in f32, in lanes that are joined at the end",
  },
  variants: [...cacheVariants, {
    name: "subgroup",
    shader: "attention_texture_subgroup",
    available: ({ subgroups }) => subgroups,
    fits: ({ D }) => D % 32 === 0,
  }],
  problem(sizes) {
    const { B, T, H, K, D, fused } = sizes, heads = headsOf(sizes);
    const positions = lengthsOf(sizes).map((length) => Math.max(length - 1, 0));
    return {
      inputs: {
        q: constant([B, (fused ? 3 : 1) * H * D], 1),
        k: constant([B, K, T, D], 2),
        v: constant([B, K, T, D], 3),
        positions: integers(positions),
      },
      run({ q, k, v, positions }, variant) {
        const cache = cacheOf(k, v, heads, variant);
        const view = fused ? viewFused(q, H, "heads")[0] : viewHeads(q, D);
        return { out: decodeAttention(view, cache, positions, heads, variant as DecodeVariant) };
      },
      reference(inputs) {
        const out = new Float64Array(B * H * D);
        for (let row = 0; row < B * H; row++) {
          const b = Math.floor(row / H), group = Math.floor(row % H / (H / K));
          const first = (b * K + group) * T * D;
          const keys = { first, stride: D, count: positions[b] + 1 };
          out.set(attendRow(inputs, row * D * (fused ? 3 : 1), keys, heads), row * D);
        }
        return { out };
      },
    };
  },
  cost(sizes) {
    const { B, H, K, D } = sizes;
    const keys = lengthsOf(sizes).reduce((sum, n) => sum + Math.max(n, 1), 0);
    return { flops: 4 * keys * H * D, bytes: 8 * (keys * K + B * H) * D };
  },
};

const storeOp: Op = {
  name: "storeInCache",
  summary: "rows of keys and values written into a cache",
  entries: ["store"],
  letters: {
    N: { meaning: "rows to store" },
    B: { meaning: "sequences of the cache" },
    T: { meaning: "rows of the cache per sequence" },
    K: { meaning: "heads of a row", default: 1 },
    D: { meaning: "numbers of a head, a multiple of 4" },
    fused: {
      meaning: "1: they lie in fused rows of queries, keys and values, by blocks",
      default: 0,
    },
  },
  typical: { N: 2176, B: 32, T: 68, K: 2, D: 16 },
  grid: [
    { N: 1, B: 1, T: 1, D: 4 },
    { N: 40, B: 3, T: 17, D: 12 },
    { N: 65, B: 2, T: 40, K: 4, D: 16, fused: 1 },
    { N: 30, B: 3, T: 11, K: 4, D: 32, fused: 1 }, // heads that lie together
    { N: 70, B: 3, T: 400, K: 2, D: 12, fused: 1 }, // more than a row of a texture
  ],
  tolerance: { output: 0, reason: "numbers are copied" },
  variants: cacheVariants,
  problem({ N, B, T, K, D, fused }) {
    const W = K * D, heads = { heads: K, keyHeads: K, headSize: D };
    const slots = distinctIntegers(Math.min(N, B * T), B * T, 5);
    const sequences = Array.from(slots, (slot) => Math.floor(slot / T));
    // The last row lies beyond the cache, and must leave it alone.
    const positions = Array.from(slots, (slot, n) => n > 0 && n === N - 1 ? T : slot % T);
    const rows = slots.length;
    const stored = (cache: Numbers, added: Numbers, part: number) => {
      const width = fused ? 3 * W : W, first = fused ? part * W : 0;
      const out = Float64Array.from(cache);
      for (let n = 0; n < rows; n++) {
        if (positions[n] >= T) continue;
        for (let c = 0; c < W; c++) {
          const slot = (sequences[n] * K + Math.floor(c / D)) * T + positions[n];
          out[slot * D + c % D] = added[n * width + first + c];
        }
      }
      return out;
    };
    return {
      inputs: {
        k: constant([rows, fused ? 3 * W : W], 1),
        v: constant([rows, W], 2),
        keys: constant([B, K, T, D], 3),
        values: constant([B, K, T, D], 4),
        sequences: integers(sequences),
        positions: integers(positions),
      },
      run({ k, v, keys, values, sequences, positions }, variant) {
        const cache = cacheOf(keys, values, heads, variant);
        const { engine } = k;
        const [of_k, of_v] = fused
          ? viewFused(k, K, "blocks").slice(1)
          : [k, v].map((x) => viewHeads(x, D));
        storeInCache(of_k, of_v, cache, sequences, positions, heads);
        if (variant === "texture") {
          engine.copy(contentsOf(cache.keys, heads), keys);
          engine.copy(contentsOf(cache.values, heads), values);
        }
        return { keys, values };
      },
      reference: ({ k, v, keys, values }) => ({
        keys: stored(keys, k, 1),
        values: stored(values, fused ? k : v, 2),
      }),
    };
  },
  cost: ({ N, K, D }) => ({ bytes: 16 * N * K * D }),
};

export const attentionFamily: Family = {
  name: "attention",
  shaders: ["attention", "attention_subgroup", "attention_texture", "attention_texture_subgroup"],
  ops: [attentionOp, decodeOp, storeOp],
};
