import { rowBlocks } from "../tensor/row-blocks.ts";
import type { Sink } from "../tensor/tape.ts";
import { expectShape, type Tensor } from "../tensor/tensor.ts";
import { placeColumns, takeColumns } from "./columns.ts";
import { launchMatmul } from "./matmul.ts";

/** x·Tᵀ [G, V] for rows x [G, K] and a table T [V, K], which may be too large for one binding. */
export interface TableProduct {
  x: Tensor;
  table: Tensor;
}

/**
 * Logits x·Wᵀ [G, V] of hidden states x [G, C] by the head's table W [V, C]: `linear` for a table that may
 * be too large for one binding.
 * @param added a second product of the same shape, which an adapted head adds
 */
export function tableLogits(x: Tensor, table: Tensor, added?: TableProduct): Tensor {
  const { engine, shape: [, inner] } = x;
  expectShape("tableLogits", "table", table, [null, inner]);
  const products = productsOf("tableLogits", { x, table }, added);
  const out = engine.empty([x.shape[0], table.shape[0]]);
  sumProducts(products, out);
  const inputs = products.flatMap(({ x, table }) => [x, table]);
  engine.tape?.record("tableLogits", inputs, out, (upstream, sink) => {
    const gradients = openGradients(products, sink);
    for (const [i, product] of products.entries()) launchGradients(upstream, product, gradients[i]);
    giveGradients(products, gradients, sink);
  });
  return out;
}

/** The products that an op sums. Throws where the shapes of the second are not those of the first. */
export function productsOf(op: string, first: TableProduct, added?: TableProduct): TableProduct[] {
  if (!added) return [first];
  expectShape(op, "added.x", added.x, [first.x.shape[0], null]);
  expectShape(op, "added.table", added.table, [first.table.shape[0], added.x.shape[1]]);
  return [first, added];
}

// Products with tables, whose V rows may be too many for one binding: block by block then, by way of scratch
// for the block's columns. Logits and their gradients are [G, V].

/** logits ← Σ x·Tᵀ. */
export function sumProducts(products: readonly TableProduct[], logits: Tensor): void {
  for (const [i, { x, table }] of products.entries()) {
    const [rows, inner] = x.shape, accumulate = i > 0;
    eachBlock(table, logits, (block, columns) => {
      const sizes = { rows, columns: block.shape[0], inner };
      launchMatmul({ a: x, b: block, out: columns }, sizes, { transposeB: true, accumulate });
    }, { take: accumulate, place: true });
  }
}

/** Where the gradients of a product go; null where one is not asked for. */
export interface ProductGradients {
  /** [G, K], overwritten. */
  x: Tensor | null;
  /** [V, K], added to. */
  table: Tensor | null;
}

export function openGradients(products: readonly TableProduct[], sink: Sink): ProductGradients[] {
  return products.map(({ x, table }) => ({
    x: sink.needs(x) ? x.engine.empty(x.shape) : null,
    table: sink.needs(table) ? sink.accumulator(table) : null,
  }));
}

/** The gradients of one product for the upstream gradient [G, V] of the logits. */
export function launchGradients(
  upstream: Tensor,
  { x, table }: TableProduct,
  gradients: ProductGradients,
): void {
  if (gradients.table) addTableGradient(upstream, x, gradients.table);
  if (gradients.x) tableInputGradient(upstream, table, gradients.x);
}

export function giveGradients(
  products: readonly TableProduct[],
  gradients: readonly ProductGradients[],
  sink: Sink,
): void {
  for (const [i, { x }] of gradients.entries()) if (x) sink.give(products[i].x, x);
}

/** total [V, K] ← total + upstreamᵀ·x. */
function addTableGradient(upstream: Tensor, x: Tensor, total: Tensor): void {
  const [inner, columns] = x.shape;
  eachBlock(total, upstream, (block, part) => {
    const sizes = { rows: block.shape[0], columns, inner };
    launchMatmul({ a: part, b: x, out: block }, sizes, { transposeA: true, accumulate: true });
  }, { take: true });
}

/** out [G, K] ← upstream·T. */
function tableInputGradient(upstream: Tensor, table: Tensor, out: Tensor): void {
  const [rows, columns] = out.shape;
  let accumulate = false;
  eachBlock(table, upstream, (block, part) => {
    const sizes = { rows, columns, inner: block.shape[0] };
    launchMatmul({ a: part, b: block, out }, sizes, { accumulate });
    accumulate = true;
  }, { take: true });
}

/**
 * Runs `body` for each block of the table with the columns of `wide` [G, V] that belong to it: `wide` itself
 * where there is one block, else scratch that is taken from it before or placed in it afterwards.
 */
function eachBlock(
  table: Tensor,
  wide: Tensor,
  body: (block: Tensor, columns: Tensor) => void,
  { take = false, place = false }: { take?: boolean; place?: boolean },
): void {
  const blocks = rowBlocks(table);
  if (blocks.length === 1) return body(table, wide);
  const { engine, shape: [rows] } = wide;
  engine.scope(() => {
    for (const { start, rows: block } of blocks) {
      const narrow = engine.empty([rows, block.shape[0]]);
      if (take) takeColumns(wide, narrow, start);
      body(block, narrow);
      if (place) placeColumns(narrow, wide, start);
    }
  });
}
