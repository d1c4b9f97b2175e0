import { expectShape, type Tensor } from "../tensor/tensor.ts";

/**
 * How queries, keys and values lie in a fused row of 3·H·D numbers: as three blocks of H·D (GPT-2), or for
 * each head its D queries, keys and values together (GPT-NeoX).
 */
export type FusedOrder = "blocks" | "heads";

/** Heads where they lie in a tensor: head h of row n begins at number `first + n·row + h·head`. */
export interface HeadView {
  tensor: Tensor;
  first: number;
  row: number;
  head: number;
}

/** The heads of x [N, H·D]. */
export function viewHeads(x: Tensor, headSize: number): HeadView {
  expectShape("viewHeads", "x", x, [null, null]);
  return { tensor: x, first: 0, row: x.shape[1], head: headSize };
}

/** Where heads lie as kernels are told: `q_first`, `q_row` and `q_head` of the view named q, in vec4s. */
export function placeParameters(views: Readonly<Record<string, HeadView>>): Record<string, number> {
  const parameters: Record<string, number> = {};
  for (const [name, { first, row, head }] of Object.entries(views)) {
    parameters[`${name}_first`] = first / 4;
    parameters[`${name}_row`] = row / 4;
    parameters[`${name}_head`] = head / 4;
  }
  return parameters;
}

/** Queries, keys and values in fused rows [N, 3·H·D]. Not differentiable: see `splitHeads`. */
export function viewFused(
  fused: Tensor,
  heads: number,
  order: FusedOrder,
): [q: HeadView, k: HeadView, v: HeadView] {
  const { part, head } = fusedStrides(fused, heads, order);
  const [q, k, v] = [0, 1, 2].map((i) => {
    return { tensor: fused, first: i * part, row: fused.shape[1], head };
  });
  return [q, k, v];
}

/** Numbers from a query to its key and value, and from head to head. */
function fusedStrides({ shape: [, columns] }: Tensor, heads: number, order: FusedOrder) {
  const width = columns / 3, headSize = width / heads;
  if (!Number.isInteger(headSize)) {
    throw new RangeError(`splitHeads: ${columns} columns are not three times ${heads} whole heads`);
  }
  const strides = order === "blocks"
    ? { part: width, head: headSize }
    : { part: headSize, head: 3 * headSize };
  return { width, headSize, ...strides };
}

/** Queries, keys and values [N, H·D] each, from fused rows [N, 3·H·D]. */
export function splitHeads(
  fused: Tensor,
  heads: number,
  order: FusedOrder,
): [q: Tensor, k: Tensor, v: Tensor] {
  const { engine, shape: [rows] } = fused;
  const { width, headSize, part, head } = fusedStrides(fused, heads, order);
  const parameters = { rows, part_stride: part, head_stride: head };
  const constants = { HEADS: heads, HEAD_SIZE: headSize };
  const grid = engine.grid(rows * width);
  const q = engine.empty([rows, width]), k = engine.empty(q.shape), v = engine.empty(q.shape);
  engine.launch("heads", "split", { fused, q, k, v }, parameters, grid, constants);
  engine.tape?.recordMany("splitHeads", [fused], [q, k, v], (upstreams, sink) => {
    const d_fused = engine.empty(fused.shape);
    engine.scope(() => {
      const [d_q, d_k, d_v] = upstreams.map((upstream) => upstream ?? engine.zeros(q.shape));
      engine.launch("heads", "merge", { d_q, d_k, d_v, d_fused }, parameters, grid, constants);
    });
    sink.give(fused, d_fused);
  });
  return [q, k, v];
}

/**
 * Heads of `from` numbers as heads of `to`: the first numbers of each, then zeros. x itself where the sizes
 * are equal.
 * @param x [N, H·from]
 * @returns [N, H·to]
 */
export function resizeHeads(x: Tensor, from: number, to: number): Tensor {
  expectShape("resizeHeads", "x", x, [null, null]);
  if (x.shape[1] % from) {
    throw new RangeError(
      `resizeHeads: ${x.shape[1]} columns are no whole number of heads of ${from}`,
    );
  }
  if (from === to) return x;
  const out = resize(x, from, to);
  x.engine.tape?.record("resizeHeads", [x], out, (upstream, sink) => {
    sink.give(x, resize(upstream, to, from));
  });
  return out;
}

function resize(x: Tensor, from: number, to: number): Tensor {
  const { engine, shape: [rows, columns] } = x;
  const out = engine.empty([rows, columns / from * to]);
  const parameters = { count: out.size, from_size: from, to_size: to };
  engine.launch("heads", "resize", { x, out }, parameters, engine.grid(out.size));
  return out;
}
