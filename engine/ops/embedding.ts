import type { Engine } from "../gpu/engine.ts";
import { expectShape, type Tensor } from "../tensor/tensor.ts";
import { expectIntegers } from "./integers.ts";

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

/** Throws where a token is not an id of a vocabulary of so many entries. */
export function checkTokens(tokens: ArrayLike<number>, vocabulary: number): void {
  for (let i = 0; i < tokens.length; i++) {
    const id = tokens[i];
    if (Number.isInteger(id) && id >= 0 && id < vocabulary) continue;
    throw new RangeError(
      `token ${id} at position ${i} is not an id of this vocabulary (0 … ${vocabulary - 1}); ` +
        "was the text encoded with the tokenizer of another model?",
    );
  }
}

/**
 * Rows of table [V, C] by tokens u32 [N], as [N, C]. An id of V or more reads the last row and has no
 * gradient; `checkTokens` refuses such ids on the CPU. Differentiating the table needs the `index` that
 * `invertTokens` makes of the same tokens.
 */
export function embedding(table: Tensor, tokens: Tensor, index?: TokenIndex): Tensor {
  expectShape("embedding", "table", table, [null, null]);
  expectIntegers("embedding", "tokens", tokens, [null]);
  const { engine, shape: [vocabulary, columns] } = table;
  if (engine.tape?.tracks(table)) checkIndex(tokens, index);
  const [rows] = tokens.shape;
  const out = engine.empty([rows, columns]);
  const parameters = { rows, columns, vocabulary };
  const grid = engine.grid(out.size);
  engine.launch("embedding", "lookup", { table, tokens, out }, parameters, grid);
  engine.tape?.record("embedding", [table], out, (upstream, sink) => {
    addTableGradient(index!, upstream, sink.accumulator(table));
  });
  return out;
}

function checkIndex(tokens: Tensor, index: TokenIndex | undefined): void {
  if (!index) {
    throw new Error(
      "embedding: differentiating the table needs an index of the tokens; " +
        "pass invertTokens(engine, tokens) as the third argument",
    );
  }
  expectShape("embedding", "index.order", index.order, tokens.shape);
}

function addTableGradient(index: TokenIndex, upstream: Tensor, total: Tensor): void {
  const { engine, shape: [vocabulary, columns] } = total;
  const { ids, starts, order } = index;
  const [rows] = ids.shape;
  const bindings = { ids, starts, order, upstream, table_gradient: total };
  const parameters = { rows, columns, vocabulary };
  engine.launch("embedding", "add_rows", bindings, parameters, engine.grid(rows * columns));
}
