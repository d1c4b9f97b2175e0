import { newLayerCaches } from "../../ops/cache.ts";
import { viewHeads } from "../../ops/heads.ts";
import { RowProgram } from "../../ops/row-program.ts";
import { sampleNext } from "../../ops/sampling.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { contentsOf } from "../caches.ts";
import { drawReference, MARGIN } from "../draw.ts";
import { randomIntegers } from "../numbers.ts";
import { constant, integers, type Op, type Sizes } from "../op.ts";
import { product } from "../product.ts";
import { logSoftmax, rowsOf } from "../softmax.ts";

const CAPACITY = 15, COLUMNS = 20; // of the cache, and of the drawn tokens; some rows stand beyond the cache
const OPTIONS = { temperature: 0.8, topK: 0, topP: 1, seed: 2024 };

const headsOf = ({ C, H }: Sizes) => ({ heads: H, keyHeads: H, headSize: C / H });
const positionsOf = ({ B }: Sizes) => [...randomIntegers(B, COLUMNS - 1, 3)];
const statesOf = (sizes: Sizes) =>
  positionsOf(sizes).map((position, b) => [position + 1, COLUMNS, 0, 5 + 1_000_003 * b]);

/** Rows are their own queries, keys and values, and their logits a product of them. */
function run({ x, head, begin, positions, ends }: Readonly<Record<string, Tensor>>, sizes: Sizes) {
  const { engine } = x, { B, C, V } = sizes, heads = headsOf(sizes), scope = engine.openScope();
  const program = new RowProgram(engine, scope, B, { numbers: B * (3 * C + V) + 4096, heads });
  const [cache] = newLayerCaches(engine, 1, [B, CAPACITY], heads, true);
  const zeros = engine.zeros(cache.keys.shape);
  for (const part of [cache.keys, cache.values]) engine.copy(zeros, part);
  const sequences = engine.integers(Array.from({ length: B }, (_, b) => B - 1 - b));
  program.begin({ positions, sequences });
  const [table, turn] = [head.view([V, C]), head.rows(0, C).view([C, C])];
  const logits = program.linear(x, table)!;
  const keys = viewHeads(program.linear(x, turn)!, C / sizes.H);
  program.attend(keys, keys, keys, cache, heads);
  const tokens = engine.zeros([B, COLUMNS], "u32"), logProbs = engine.zeros([B, COLUMNS]);
  const state = engine.empty([B, 4], "u32"), next = engine.zeros([2, 128], "u32");
  engine.copy(begin, state);
  sampleNext({ logits, tokens, logProbs, state, ends, next }, OPTIONS, program);
  const [kept, values] = [cache.keys, cache.values].map((part) => contentsOf(part, heads));
  engine.close(scope);
  return { tokens, logProbs, state, next, keys: kept, values };
}

type Numbers = ArrayLike<number>;

function reference({ x, head }: Readonly<Record<string, Numbers>>, sizes: Sizes) {
  const { B, C, H, V } = sizes, size = C / H, states = statesOf(sizes);
  const times = (columns: number) =>
    product({ data: x, strides: [C, 1] }, { data: head, strides: [1, C] }, [B, columns, C]);
  const tokens = new Float64Array(B * COLUMNS), logProbs = new Float64Array(B * COLUMNS);
  const next = new Float64Array(2 * 128), keys = new Float64Array(B * H * CAPACITY * size);
  rowsOf(Float32Array.from(times(V)), V).forEach((row, b) => {
    const [column, , , episode] = states[b], at = b * COLUMNS + column;
    const { id, margin } = drawReference(row, OPTIONS, episode, column);
    tokens[at] = next[b] = margin > MARGIN ? id : NaN;
    logProbs[at] = margin > MARGIN ? logSoftmax(row, OPTIONS.temperature)[id] : NaN;
    next[128 + b] = column;
  });
  times(C).forEach((key, i) => {
    const b = Math.floor(i / C), h = Math.floor(i % C / size), position = states[b][0] - 1;
    if (position >= CAPACITY) return;
    keys[(((B - 1 - b) * H + h) * CAPACITY + position) * size + i % size] = key;
  });
  const state = states.flatMap(([length, limit, , episode]) => [
    length + 1,
    limit,
    Number(length + 1 >= limit),
    episode,
  ]);
  return { tokens, logProbs, state, next, keys, values: keys };
}

export const rowSamplingOp: Op = {
  name: "RowProgram.sample",
  summary:
    "draws from logits that a row program made and stores its keys and values, in one launch",
  entries: ["run", "sample_and_store"],
  letters: {
    B: { meaning: "rows, at most 128" },
    C: { meaning: "width, a multiple of 8" },
    H: { meaning: "heads" },
    V: { meaning: "vocabulary, a multiple of 4, at least C" },
  },
  typical: { B: 64, C: 128, H: 4, V: 2048 },
  grid: [
    { B: 1, C: 8, H: 1, V: 8 },
    { B: 9, C: 64, H: 4, V: 100 },
    { B: 70, C: 128, H: 4, V: 516 },
  ],
  tolerance: {
    output: 2e-5,
    reason: "as sampleNext; keys and values are a product, copied",
  },
  variants: [{
    name: "in step",
    available: ({ software, subgroups, lanes }) => software && subgroups && lanes === 8,
  }],
  problem: (sizes) => ({
    inputs: {
      x: constant([sizes.B, sizes.C], 1),
      head: constant([sizes.V, sizes.C], 2),
      begin: integers(statesOf(sizes).flat(), [sizes.B, 4]),
      positions: integers(positionsOf(sizes)),
      ends: integers([0xffffffff]),
    },
    run: (tensors) => run(tensors, sizes),
    reference: (inputs) => reference(inputs, sizes),
  }),
  cost: ({ B, C, V }) => ({
    flops: 2 * B * C * (C + V),
    bytes: 4 * (C * V + B * (2 * V + 4 * C)),
  }),
};
