import type { Engine } from "../../gpu/engine.ts";
import { newLayerCaches } from "../../ops/cache.ts";
import { viewHeads } from "../../ops/heads.ts";
import { RowProgram } from "../../ops/row-program.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { randomIntegers } from "../numbers.ts";
import { constant, type Family, integers, type Op, type Sizes, type Variant } from "../op.ts";
import { attendRow } from "../attention.ts";
import { contentsOf, fillCache } from "../caches.ts";
import { product } from "../product.ts";
import { geluReference } from "./gelu.ts";
import { layerNormReference } from "./layernorm.ts";
import { rmsNormReference } from "./rmsnorm.ts";
import { rotaryOptions, rotaryReference } from "./rotary.ts";
import { rowGenerationOp } from "./row_generation.ts";

const EPSILON = 0.1, THETA = 500, VOCABULARY = 37, PLACES = 19;
const CAPACITY = 15; // rows of the cache: those of later positions are left out

const cacheShape = ({ B, C, H, K }: Sizes) => [B, K || H, CAPACITY, C / H];
const turning = ({ C, H }: Sizes) => ({ headSize: C / H, theta: THETA });

/** The weights of a program lie in one buffer, each at a multiple of 64 numbers. */
function packed<Name extends string>(
  engine: Engine,
  weights: Readonly<Record<Name, Tensor>>,
): Record<Name, Tensor> {
  const entries = Object.entries<Tensor>(weights);
  const room = ({ size }: Tensor) => Math.ceil(size / 64) * 64;
  const { storage } = engine.empty([entries.reduce((sum, [, weight]) => sum + room(weight), 0)]);
  let offset = 0;
  return Object.fromEntries(entries.map(([name, weight]) => {
    const place = new Tensor(engine, storage, offset, weight.shape, "f32");
    engine.copy(weight, place);
    offset += room(weight) * 4;
    return [name, place];
  })) as Record<Name, Tensor>;
}

/** Every instruction once, each fed by the ones before. */
function runAll(
  { x, ids, positions, cached_k, cached_v, ...weights }: Readonly<Record<string, Tensor>>,
  sizes: Sizes,
  barriers: boolean,
): Record<string, Tensor> {
  const { engine } = x, { B, C, H, M } = sizes, K = sizes.K || H, size = C / H;
  const { table, places, weight, bias, square, tall, triple } = packed(engine, weights);
  const heads = { heads: H, keyHeads: K, headSize: size };
  const numbers = B * (15 * C + M) + 4096, scope = engine.openScope();
  const program = new RowProgram(engine, scope, B, { numbers, heads, barriers });
  const sequences = engine.integers(Array.from({ length: B }, (_, b) => B - 1 - b));
  const [cache, known] = newLayerCaches(engine, 2, [B, CAPACITY], heads, true);
  const zeros = engine.zeros(cache.keys.shape);
  for (const part of [cache.keys, cache.values]) engine.copy(zeros, part);
  fillCache(known, cached_k, cached_v, heads);
  program.begin({ positions, sequences });
  const inputFirst = sizes.inputFirst === 1;
  const embedded = program.embedding(places, positions, program.embedding(table, ids)!)!;
  const layer = program.layerNorm(embedded, weight, bias, EPSILON)!;
  const rms = program.rmsNorm(x, weight, EPSILON)!;
  const sum = program.linear(layer, square, { bias, residual: embedded, inputFirst })!;
  const bent = program.linear(rms, tall, { inputFirst, gelu: sizes.tanh ? "tanh" : "erf" })!;
  const gated = program.swiglu(sum, embedded)!;
  const turned = program.rotary(layer, positions, rotaryOptions(engine, turning(sizes)))!;
  const [queries, keys, values] = [layer, turned, gated].map((rows) => viewHeads(rows, size));
  program.store(keys, values, cache, heads);
  const attended = program.attend(queries, keys, values, known, heads)!;
  const fused = program.linear(layer, triple, { inputFirst })!;
  const [q, k, v] = program.split(fused, H, inputFirst ? "blocks" : "heads")!;
  program.finish();
  const made = { q, k, v, embedded, layer, rms, sum, bent, gated, turned, attended };
  const [keys_after, values_after, known_keys, known_values] = [cache, known]
    .flatMap(({ keys, values }) => [keys, values])
    .map((part) => contentsOf(part, heads));
  const caches = { keys: keys_after, values: values_after, known_keys, known_values };
  const outputs = Object.entries({ ...made, ...caches }).map(([name, result]) => {
    const out = engine.empty(result.shape);
    engine.copy(result, out);
    return [name, out];
  });
  // The next program gets this memory: what it leaves unwritten must not be found right.
  for (const result of Object.values(made)) {
    engine.write(result, new Float32Array(result.size).fill(NaN));
  }
  engine.close(scope);
  return Object.fromEntries(outputs);
}

type Numbers = ArrayLike<number>;

function referenceOfAll(inputs: Readonly<Record<string, Numbers>>, sizes: Sizes) {
  const {
    x,
    ids,
    positions,
    cached_k,
    cached_v,
    table,
    places,
    weight,
    bias,
    square,
    tall,
    triple,
  } = inputs;
  const { B, C, M, inputFirst } = sizes;
  const embedded = Float64Array.from(
    { length: B * C },
    (_, i) =>
      table[ids[Math.floor(i / C)] * C + i % C] + places[positions[Math.floor(i / C)] * C + i % C],
  );
  const multiply = (a: Numbers, b: Numbers, columns: number) =>
    product(
      { data: a, strides: [C, 1] },
      { data: b, strides: inputFirst ? [columns, 1] : [1, C] },
      [
        B,
        columns,
        C,
      ],
    );
  const layer = layerNormReference(embedded, weight, bias, EPSILON);
  const rms = rmsNormReference(x, weight, EPSILON);
  const sum = multiply(layer, square, C).map((y, i) => y + bias[i % C] + embedded[i]);
  const bent = multiply(rms, tall, M).map(geluReference[sizes.tanh ? "tanh" : "erf"]);
  const gated = sum.map((g, i) => g / (1 + Math.exp(-g)) * embedded[i]);
  const turned = rotaryReference(layer, positions, turning(sizes));
  const fused = multiply(layer, triple, 3 * C), size = C / sizes.H;
  const [q, k, v] = [0, 1, 2].map((part) =>
    Float64Array.from({ length: B * C }, (_, i) => {
      const row = Math.floor(i / C), c = i % C;
      const inHeads = Math.floor(c / size) * 3 * size + part * size + c % size;
      return fused[row * 3 * C + (inputFirst ? part * C + c : inHeads)];
    })
  );
  const empty = new Float64Array(cached_k.length);
  const [keys, values] = [turned, gated].map((rows) => stored(empty, rows, positions, sizes));
  const known_keys = stored(cached_k, turned, positions, sizes);
  const known_values = stored(cached_v, gated, positions, sizes);
  const attended = attendedReference(layer, known_keys, known_values, positions, sizes);
  const caches = { keys, values, known_keys, known_values };
  return { q, k, v, embedded, layer, rms, sum, bent, gated, turned, attended, ...caches };
}

/** A cache [B, K, T, D] with the first K heads of rows [B, H, D] in it, the last row in the first sequence. */
function stored(cache: Numbers, rows: Numbers, positions: Numbers, sizes: Sizes): Float64Array {
  const { B, C, H } = sizes, K = sizes.K || H, size = C / H, after = Float64Array.from(cache);
  for (let b = 0; b < B; b++) {
    if (positions[b] >= CAPACITY) continue;
    for (let c = 0; c < K * size; c++) {
      const head = Math.floor(c / size), sequence = B - 1 - b;
      after[((sequence * K + head) * CAPACITY + positions[b]) * size + c % size] = rows[b * C + c];
    }
  }
  return after;
}

/** Attention of queries [B, H, D] over such caches, up to their own places. */
function attendedReference(
  q: Numbers,
  k: Numbers,
  v: Numbers,
  positions: Numbers,
  sizes: Sizes,
): Float64Array {
  const { B, C, H } = sizes, K = sizes.K || H, D = C / H;
  const heads = { heads: H, keyHeads: K, headSize: D, scale: 1 / Math.sqrt(D) };
  const out = new Float64Array(B * C);
  for (let row = 0; row < B * H; row++) {
    const b = Math.floor(row / H), group = Math.floor(row % H / (H / K));
    const first = ((B - 1 - b) * K + group) * CAPACITY * D;
    const keys = { first, stride: D, count: Math.min(positions[b] + 1, CAPACITY) };
    out.set(attendRow({ q, k, v }, row * D, keys, heads), row * D);
  }
  return out;
}

const variants: readonly Variant[] = ["in step", "barriers"].map((name) => ({
  name,
  available: ({ software, subgroups, lanes }) => software && subgroups && lanes === 8,
}));

const rowProgramOp: Op = {
  name: "RowProgram",
  summary: "every instruction of a row program, each fed by the ones before",
  entries: ["turn", "run", "store"],
  letters: {
    B: { meaning: "rows" },
    C: { meaning: "width", multiple: 8 },
    H: { meaning: "heads" },
    K: { meaning: "key heads; 0: as many", default: 0 },
    M: { meaning: "columns of the widest product", multiple: 4 },
    inputFirst: { meaning: "1: weights are stored [K, N]", default: 0 },
    tanh: { meaning: "1: gelu's approximation with tanh", default: 0 },
  },
  typical: { B: 64, C: 64, H: 4, M: 176 },
  grid: [
    { B: 1, C: 8, H: 1, M: 4 },
    { B: 3, C: 24, H: 3, M: 100, inputFirst: 1, tanh: 1 },
    { B: 9, C: 128, H: 2, K: 1, M: 4 },
    { B: 33, C: 64, H: 4, K: 2, M: 176 },
    { B: 65, C: 128, H: 4, M: 260, inputFirst: 1 },
  ],
  tolerance: { output: 3e-6, reason: "as the ops that it stands for, one after the other" },
  variants,
  problem: (sizes) => ({
    inputs: {
      x: constant([sizes.B, sizes.C], 1),
      ids: integers(randomIntegers(sizes.B, VOCABULARY, 2)),
      positions: integers(randomIntegers(sizes.B, PLACES, 3)),
      cached_k: constant(cacheShape(sizes), 11),
      cached_v: constant(cacheShape(sizes), 12),
      table: constant([VOCABULARY, sizes.C], 4),
      places: constant([PLACES, sizes.C], 5),
      weight: constant([sizes.C], 6),
      bias: constant([sizes.C], 7),
      square: constant([sizes.C, sizes.C], 8),
      triple: constant(sizes.inputFirst ? [sizes.C, 3 * sizes.C] : [3 * sizes.C, sizes.C], 10),
      tall: constant(sizes.inputFirst ? [sizes.C, sizes.M] : [sizes.M, sizes.C], 9, 0.1),
    },
    run: (tensors, variant) => runAll(tensors, sizes, variant === "barriers"),
    reference: (inputs) => referenceOfAll(inputs, sizes),
  }),
  cost: ({ B, C, M }) => ({ // attention over a full cache
    flops: 2 * B * C * (4 * C + M + 2 * CAPACITY),
    bytes: 4 * (C * (4 * C + M) + B * (15 * C + M + 4 * C * CAPACITY)),
  }),
};

export const rowProgramFamily: Family = {
  name: "row_program",
  shaders: ["row_program", "row_generation", "row_store", "row_weights"],
  ops: [rowProgramOp, rowGenerationOp],
};
