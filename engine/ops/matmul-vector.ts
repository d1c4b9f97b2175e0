import {
  type Layout,
  type Operands,
  parametersOf,
  type Sizes,
  storageOf,
} from "./matmul-operands.ts";
import { launchTiled } from "./matmul-tiled.ts";
import { storedAs } from "./stored.ts";

/** Rows that a workgroup makes at most; of more rows, each eight read the matrix again. */
export const VECTOR_ROWS = 8;

const MOST_COLUMNS = 4 * 65535; // that there are workgroups for along an axis

/** Whether the kernel reads A as it is stored, and has workgroups for all columns. */
export function fitsVector({ columns }: Sizes, { transposeA = false }: Layout): boolean {
  return !transposeA && columns <= MOST_COLUMNS;
}

/** The same of the kernel that sums over subgroups: it reads B as [N, K]. */
export function fitsVectorSubgroup(sizes: Sizes, layout: Layout): boolean {
  return fitsVector(sizes, layout) && layout.transposeB === true;
}

/** A product of few rows, as in decoding, by one pass over B; by tiles where it does not fit. */
export function launchVector(operands: Operands, sizes: Sizes, layout: Layout): void {
  if (!fitsVector(sizes, layout)) return launchTiled(operands, sizes, layout, 32);
  launchRows("matmul_vector", layout.transposeB ? 4 : 16, operands, sizes, layout);
}

/** The same with sums over subgroups; without them where they do not fit. */
export function launchVectorSubgroup(operands: Operands, sizes: Sizes, layout: Layout): void {
  if (!fitsVectorSubgroup(sizes, layout)) return launchVector(operands, sizes, layout);
  launchRows("matmul_vector_subgroup", 4, operands, sizes, layout);
}

/** @param columns of a workgroup */
function launchRows(
  shader: "matmul_vector" | "matmul_vector_subgroup",
  columns: number,
  operands: Operands,
  sizes: Sizes,
  layout: Layout,
): void {
  const { a, b, out, bias, residual } = operands;
  const ROWS = rowsOf(sizes);
  out.engine.launch(
    shader,
    "vector",
    { a, b, a_vectors: a, b_vectors: b, out, bias: bias ?? a, residual: residual ?? a },
    parametersOf(operands, sizes, layout),
    [Math.ceil(sizes.columns / columns), Math.ceil(sizes.rows / ROWS), 1],
    { ...storageOf(sizes, layout), ROWS, ...storedAs(b) },
  );
}

/** Few sizes, so that there are few kernels. */
function rowsOf({ rows }: Sizes): number {
  if (rows === 1) return 1;
  return rows <= 4 ? 4 : VECTOR_ROWS;
}
