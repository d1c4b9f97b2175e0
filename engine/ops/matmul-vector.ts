import {
  type Layout,
  type Operands,
  parametersOf,
  type Sizes,
  storageOf,
} from "./matmul-operands.ts";
import { storedAs } from "./stored.ts";

/** Rows that a workgroup makes at most; of more rows, each eight read the matrix again. */
export const VECTOR_ROWS = 8;

/** A product of few rows, as in decoding: one pass over B, in the order in which it is stored. */
export function launchVector(operands: Operands, sizes: Sizes, layout: Layout): void {
  const { a, b, out, bias, residual } = operands;
  const { TRANSPOSE_A, TRANSPOSE_B, VECTORS_B: VECTORS } = storageOf(sizes, layout);
  const ROWS = rowsOf(sizes);
  out.engine.launch(
    "matmul_vector",
    "vector",
    { a, b, a_vectors: a, b_vectors: b, out, bias: bias ?? b, residual: residual ?? b },
    parametersOf(operands, sizes, layout),
    [Math.ceil(sizes.columns / (layout.transposeB ? 4 : 16)), Math.ceil(sizes.rows / ROWS), 1],
    { TRANSPOSE_A, TRANSPOSE_B, VECTORS, ROWS, ...storedAs(b) },
  );
}

/** The same with sums over subgroups, where A is [M, K] and B is [N, K]; without them elsewhere. */
export function launchVectorSubgroup(operands: Operands, sizes: Sizes, layout: Layout): void {
  if (layout.transposeA || !layout.transposeB) return launchVector(operands, sizes, layout);
  const { a, b, out, bias, residual } = operands;
  const ROWS = rowsOf(sizes);
  out.engine.launch(
    "matmul_vector_subgroup",
    "vector",
    { a, b, a_vectors: a, b_vectors: b, out, bias: bias ?? b, residual: residual ?? b },
    parametersOf(operands, sizes, layout),
    [Math.ceil(sizes.columns / 4), Math.ceil(sizes.rows / ROWS), 1],
    { VECTORS: storageOf(sizes, layout).VECTORS_B, ROWS, ...storedAs(b) },
  );
}

/** Few sizes, so that there are few kernels. */
function rowsOf({ rows }: Sizes): number {
  if (rows === 1) return 1;
  return rows <= 4 ? 4 : VECTOR_ROWS;
}
