import { rowBlocks } from "../tensor/row-blocks.ts";
import { expectShape, type Tensor } from "../tensor/tensor.ts";
import { placeColumns, takeColumns } from "./columns.ts";
import { launchMatmul } from "./matmul.ts";

/**
 * Logits x·Wᵀ [G, V] of hidden states x [G, C] by the head's table W [V, C]: `linear` for a table that may
 * be too large for one binding.
 */
export function tableLogits(x: Tensor, table: Tensor): Tensor {
  const { engine, shape: [rows, inner] } = x;
  expectShape("tableLogits", "table", table, [null, inner]);
  const out = engine.empty([rows, table.shape[0]]);
  tableProduct(x, table, out);
  engine.tape?.record("tableLogits", [x, table], out, (upstream, sink) => {
    if (sink.needs(table)) addTableGradient(upstream, x, sink.accumulator(table));
    if (!sink.needs(x)) return;
    const gradient = engine.empty(x.shape);
    tableInputGradient(upstream, table, gradient);
    sink.give(x, gradient);
  });
  return out;
}

// Products with the head's table W [V, C], whose V rows may be too many for one binding: block by block then,
// by way of scratch for the block's columns. x is [G, C], logits and their gradients are [G, V].

/** logits ← x·Wᵀ. */
export function tableProduct(x: Tensor, table: Tensor, logits: Tensor): void {
  const [rows, inner] = x.shape;
  eachBlock(table, logits, (block, columns) => {
    const sizes = { rows, columns: block.shape[0], inner };
    launchMatmul({ a: x, b: block, out: columns }, sizes, { transposeB: true });
  }, "place");
}

/** total [V, C] ← total + upstreamᵀ·x. */
export function addTableGradient(upstream: Tensor, x: Tensor, total: Tensor): void {
  const [inner, columns] = x.shape;
  eachBlock(total, upstream, (block, part) => {
    const sizes = { rows: block.shape[0], columns, inner };
    launchMatmul({ a: part, b: x, out: block }, sizes, { transposeA: true, accumulate: true });
  }, "take");
}

/** out [G, C] ← upstream·W. */
export function tableInputGradient(upstream: Tensor, table: Tensor, out: Tensor): void {
  const [rows, columns] = out.shape;
  let accumulate = false;
  eachBlock(table, upstream, (block, part) => {
    const sizes = { rows, columns, inner: block.shape[0] };
    launchMatmul({ a: part, b: block, out }, sizes, { accumulate });
    accumulate = true;
  }, "take");
}

/**
 * Runs `body` for each block of the table with the columns of `wide` [G, V] that belong to it: `wide` itself
 * where there is one block, else scratch that is taken from it before or placed in it afterwards.
 */
function eachBlock(
  table: Tensor,
  wide: Tensor,
  body: (block: Tensor, columns: Tensor) => void,
  move: "place" | "take",
): void {
  const blocks = rowBlocks(table);
  if (blocks.length === 1) return body(table, wide);
  const { engine, shape: [rows] } = wide;
  engine.scope(() => {
    for (const { start, rows: block } of blocks) {
      const narrow = engine.empty([rows, block.shape[0]]);
      if (move === "take") takeColumns(wide, narrow, start);
      body(block, narrow);
      if (move === "place") placeColumns(narrow, wide, start);
    }
  });
}
