import type { Engine } from "../gpu/engine.ts";
import { rowBlocks } from "../tensor/row-blocks.ts";
import { expectShape, type Tensor } from "../tensor/tensor.ts";
import { expectIntegers } from "./integers.ts";
import { storedAs } from "./stored.ts";

/** For each of U distinct tokens, the rows it stands in: `order[starts[u]] … order[starts[u + 1] − 1]`. */
export interface TokenIndex {
  /** The distinct token ids, u32 [U]. */
  readonly ids: Tensor;
  /** u32 [U + 1]. */
  readonly starts: Tensor;
  /** Rows 0 … N − 1 grouped by token, ascending within a token, u32 [N]. */
  readonly order: Tensor;
}

/** The inverted index of `tokens` that the gradient of `embedding` needs; made once for a batch. */
export function invertTokens(engine: Engine, tokens: Uint32Array): TokenIndex {
  const rowsOf = new Map<number, number[]>();
  tokens.forEach((token, row) => {
    const rows = rowsOf.get(token);
    if (rows) rows.push(row);
    else rowsOf.set(token, [row]);
  });
  const groups = [...rowsOf.values()];
  const starts = [0];
  for (const rows of groups) starts.push(starts[starts.length - 1] + rows.length);
  return {
    ids: engine.integers([...rowsOf.keys()]),
    starts: engine.integers(starts),
    order: engine.integers(groups.flat()),
  };
}

/** What a lookup in a table may add, and what its gradient needs. */
export interface EmbeddingOptions {
  /** What `invertTokens` makes of the same tokens; needed to differentiate the table. */
  index?: TokenIndex;
  /** [N, C], added to the rows. */
  residual?: Tensor;
}

/**
 * Rows of table [V, C], which may be stored as f16, by tokens u32 [N], as [N, C]. An id of V or more reads the last
 * row and has no gradient: a model refuses such ids before they come here (`expectVocabulary` of engine/nn/batch.ts).
 */
export function embedding(
  table: Tensor,
  tokens: Tensor,
  { index, residual }: EmbeddingOptions = {},
): Tensor {
  expectShape("embedding", "table", table, [null, null]);
  expectIntegers("embedding", "tokens", tokens, [null]);
  const { engine, shape: [vocabulary, columns] } = table;
  if (engine.tape?.tracks(table)) checkIndex(tokens, index);
  const [rows] = tokens.shape;
  if (residual) expectShape("embedding", "residual", residual, [rows, columns]);
  const out = engine.empty([rows, columns]);
  const with_residual = Number(residual !== undefined);
  for (const { start: first, rows: block } of rowBlocks(table)) {
    const parameters = { rows, vocabulary, first, block: block.shape[0], with_residual };
    // An unused binding must hold something readable.
    const bindings = { table: block, tokens, out, residual: residual ?? tokens };
    const grid = engine.grid(out.size);
    const constants = { ...storedAs(table), COLUMNS: columns };
    engine.launch("embedding", "lookup", bindings, parameters, grid, constants);
  }
  const inputs = residual ? [table, residual] : [table];
  engine.tape?.record("embedding", inputs, out, (upstream, sink) => {
    if (sink.needs(table)) addTableGradient(index!, upstream, sink.accumulator(table));
    if (residual) sink.give(residual, upstream);
  });
  return out;
}

function checkIndex(tokens: Tensor, index: TokenIndex | undefined): void {
  if (!index) {
    throw new Error(
      "embedding: differentiating the table needs an index of the tokens; " +
        "pass index: invertTokens(engine, tokens)",
    );
  }
  expectShape("embedding", "index.order", index.order, tokens.shape);
}

function addTableGradient(index: TokenIndex, upstream: Tensor, total: Tensor): void {
  const { engine, shape: [, columns] } = total;
  const { ids, starts, order } = index;
  const [rows] = ids.shape;
  for (const { start: first, rows: block } of rowBlocks(total)) {
    const bindings = { ids, starts, order, upstream, table_gradient: block };
    const parameters = { rows, columns, first, block: block.shape[0] };
    engine.launch("embedding", "add_rows", bindings, parameters, engine.grid(rows * columns));
  }
}
