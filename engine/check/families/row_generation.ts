import { newLayerCaches } from "../../ops/cache.ts";
import { viewFused } from "../../ops/heads.ts";
import { RowProgram } from "../../ops/row-program.ts";
import { sampleNext } from "../../ops/sampling.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { attendRow } from "../attention.ts";
import { contentsOf, fillCache } from "../caches.ts";
import { drawReference, MARGIN } from "../draw.ts";
import { randomIntegers } from "../numbers.ts";
import { constant, integers, type Op, type Sizes } from "../op.ts";
import { product } from "../product.ts";
import { logSoftmax } from "../softmax.ts";

const CAPACITY = 15, COLUMNS = 24; // of the cache, and of the drawn tokens; some rows come to stand beyond the cache
const STEPS = [1, 8, 3]; // of each launch
const END = 3; // the token that ends a row
const NEXT_COLUMNS = 128;
const OPTIONS = { temperature: 0.8, topK: 0, topP: 1, seed: 2024 };

type Numbers = ArrayLike<number>;
type Inputs<T> = Readonly<Record<"table" | "fused" | "head" | "cached_k" | "cached_v", T>>;

const headsOf = ({ C, H }: Sizes) => ({ heads: H, keyHeads: H, headSize: C / H });
const lengthOf = (b: number) => 1 + b * 5 % 12;
// Every fifth row is done before it begins, every third one soon.
const statesOf = ({ B }: Sizes) =>
  Array.from({ length: B }, (_, b) => {
    const limit = b % 3 ? COLUMNS : lengthOf(b) + 4;
    return [lengthOf(b), limit, Number(b % 5 === 4), 5 + 1_000_003 * b];
  });
const firstTokens = ({ B, V }: Sizes) => [...randomIntegers(B * COLUMNS, V, 6)];

/** A layer without norms: a looked-up row, its attention over the cache, and the logits of that. */
function run(inputs: Readonly<Record<string, Tensor>>, sizes: Sizes): Record<string, Tensor> {
  const { table, fused, head, cached_k, cached_v, ends } = inputs, { engine } = table;
  const { B, C, H, V } = sizes, heads = headsOf(sizes), scope = engine.openScope();
  const numbers = B * (3 * C + V) + 4096, kept = B * 3 * C + 64;
  const program = new RowProgram(engine, scope, B, { numbers, kept, heads });
  const [cache] = newLayerCaches(engine, 1, [B, CAPACITY], heads, true);
  fillCache(cache, cached_k, cached_v, heads);
  const tokens = engine.empty([B, COLUMNS], "u32"), logProbs = engine.zeros([B, COLUMNS]);
  const state = engine.empty([B, 4], "u32"), next = engine.empty([2, NEXT_COLUMNS], "u32");
  for (const [name, tensor] of Object.entries({ tokens, state, next })) {
    engine.copy(inputs[`${name}_before`], tensor);
  }
  const [ids, positions] = [0, NEXT_COLUMNS * 4]
    .map((offset) => new Tensor(engine, next.storage, offset, [B], "u32"));
  const sequences = engine.integers(Array.from({ length: B }, (_, b) => B - 1 - b));
  program.begin({ positions, sequences });
  const x = program.embedding(table, ids)!;
  const [q, k, v] = viewFused(program.keep(() => program.linear(x, fused)!), H, "blocks");
  const logits = program.linear(program.attend(q, k, v, cache, heads)!, head)!;
  sampleNext({ logits, tokens, logProbs, state, ends, next }, OPTIONS, program);
  for (const steps of STEPS.slice(1)) {
    if (program.repeat(steps) !== steps) throw new Error("the steps were not the program's alone");
  }
  const [keys, values] = [cache.keys, cache.values].map((part) => contentsOf(part, heads));
  engine.close(scope);
  return { tokens, logProbs, state, next, keys, values };
}

/** The weights of a program lie in one buffer. */
function packed(inputs: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  const { flat } = inputs, { engine } = flat;
  let offset = 0;
  const weights = ["table", "fused", "head"].map((name) => {
    const { shape, size } = inputs[name];
    const weight = new Tensor(engine, flat.storage, offset, shape, "f32");
    engine.copy(inputs[name], weight);
    offset += Math.ceil(size / 64) * 256;
    return [name, weight];
  });
  return { ...inputs, ...Object.fromEntries(weights) };
}

/** What a row has come to in the reference. */
interface Row {
  tokens: number[];
  logProbs: number[];
  keys: Float64Array;
  values: Float64Array;
  length: number;
  done: boolean;
  /** A draw was too near another one, and nothing after it is known. */
  lost: boolean;
}

function reference(inputs: Inputs<Numbers>, sizes: Sizes) {
  const { B, C, H, V } = sizes, D = C / H, states = statesOf(sizes), first = firstTokens(sizes);
  const part = (cache: Numbers, sequence: number) =>
    Float64Array.from({ length: C * CAPACITY }, (_, i) => cache[sequence * C * CAPACITY + i]);
  const rows = states.map(([length, , done], b): Row => ({
    tokens: first.slice(b * COLUMNS, (b + 1) * COLUMNS),
    logProbs: Array(COLUMNS).fill(0),
    keys: part(inputs.cached_k, B - 1 - b),
    values: part(inputs.cached_v, B - 1 - b),
    length,
    done: done === 1,
    lost: false,
  }));
  const steps = STEPS.reduce((sum, steps) => sum + steps);
  for (const [b, row] of rows.entries()) {
    for (let step = 0; step < steps && !row.done; step++) {
      advance(inputs, sizes, row, states[b]);
    }
  }
  const known = (row: Row, numbers: Numbers) =>
    Array.from(numbers, (value) => row.lost ? NaN : value);
  const cache = (part: "keys" | "values") =>
    rows.toReversed().flatMap((row) => known(row, row[part]));
  const next = Array.from({ length: 2 * NEXT_COLUMNS }, (_, i) => {
    const row = rows[i % NEXT_COLUMNS];
    if (!row) return 0;
    if (row.lost) return NaN;
    return i < NEXT_COLUMNS ? row.tokens[row.length - 1] : row.length - 1;
  });
  return {
    tokens: rows.flatMap((row) => known(row, row.tokens)),
    logProbs: rows.flatMap((row) => known(row, row.logProbs)),
    state: rows.flatMap((row, b) =>
      known(row, [row.length, states[b][1], Number(row.done), states[b][3]])
    ),
    next,
    keys: cache("keys"),
    values: cache("values"),
  };

  /** One step of one row. */
  function advance({ table, fused, head }: Inputs<Numbers>, _: Sizes, row: Row, state: number[]) {
    const position = row.length - 1, [, limit, , episode] = state;
    const times = (x: Numbers, weight: Numbers, columns: number) =>
      product({ data: x, strides: [C, 1] }, { data: weight, strides: [1, C] }, [1, columns, C]);
    const start = row.tokens[position] * C;
    const x = Float64Array.from({ length: C }, (_, c) => table[start + c]);
    const made = times(x, fused, 3 * C);
    for (let c = 0; c < C && position < CAPACITY; c++) {
      const at = (Math.floor(c / D) * CAPACITY + position) * D + c % D;
      [row.keys[at], row.values[at]] = [made[C + c], made[2 * C + c]];
    }
    const heads = { ...headsOf(sizes), scale: 1 / Math.sqrt(D) };
    const attended = new Float64Array(C), count = Math.min(position + 1, CAPACITY);
    for (let h = 0; h < H; h++) {
      const keys = { first: h * CAPACITY * D, stride: D, count };
      attended.set(attendRow({ q: made, k: row.keys, v: row.values }, h * D, keys, heads), h * D);
    }
    const logits = Float32Array.from(times(attended, head, V));
    const { id, margin } = drawReference(logits, OPTIONS, episode, row.length);
    row.lost ||= margin < 4 * MARGIN;
    row.tokens[row.length] = id;
    row.logProbs[row.length] = logSoftmax(logits, OPTIONS.temperature)[id];
    row.length++;
    row.done = id === END || row.length >= limit;
  }
}

function inputsOf(sizes: Sizes) {
  const { B, C, H, V } = sizes, next = new Uint32Array(2 * NEXT_COLUMNS);
  const tokens = firstTokens(sizes), cacheShape = [B, H, CAPACITY, C / H];
  for (let b = 0; b < B; b++) {
    next[b] = tokens[b * COLUMNS + lengthOf(b) - 1];
    next[NEXT_COLUMNS + b] = lengthOf(b) - 1;
  }
  return {
    flat: constant([Math.ceil((2 * V + 3 * C) * C / 64) * 64 + 192], 9),
    table: constant([V, C], 1),
    fused: constant([3 * C, C], 2, 0.5),
    head: constant([V, C], 3, 0.5),
    cached_k: constant(cacheShape, 4),
    cached_v: constant(cacheShape, 5),
    tokens_before: integers(tokens, [B, COLUMNS]),
    state_before: integers(statesOf(sizes).flat(), [B, 4]),
    next_before: integers(next, [2, NEXT_COLUMNS]),
    ends: integers([END]),
  };
}

export const rowGenerationOp: Op = {
  name: "RowProgram.repeat",
  summary: "several steps a launch, each with its draw, and what they keep brought into the cache",
  entries: ["turn", "generate", "store_and_note"],
  letters: {
    B: { meaning: "rows", most: NEXT_COLUMNS },
    C: { meaning: "width", multiple: 8 },
    H: { meaning: "heads" },
    V: { meaning: "vocabulary", multiple: 4 },
  },
  typical: { B: 64, C: 128, H: 4, V: 2048 },
  grid: [
    { B: 1, C: 8, H: 1, V: 8 },
    { B: 9, C: 64, H: 4, V: 100 },
    { B: 33, C: 64, H: 1, V: 260 },
    { B: 70, C: 128, H: 4, V: 516 },
  ],
  tolerance: {
    output: 5e-5,
    reason:
      "as sampleNext, after up to twelve steps; tokens drawn too near another end the comparison",
  },
  variants: [{
    name: "in step",
    available: ({ software, subgroups, lanes }) => software && subgroups && lanes === 8,
  }],
  problem: (sizes) => ({
    inputs: inputsOf(sizes),
    run: (tensors) => run(packed(tensors), sizes),
    reference: (inputs) => reference(inputs as Inputs<Numbers>, sizes),
  }),
  cost: ({ B, C, V }) => ({ // each of the steps
    flops: 12 * 2 * B * C * (3 * C + V + 2 * CAPACITY),
    bytes: 12 * 4 * (C * (3 * C + V) + B * (V + 6 * C + 2 * C * CAPACITY)),
  }),
};
