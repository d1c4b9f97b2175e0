import { BYTES_PER_NUMBER, type DType, type Tensor } from "./tensor.ts";

/** Rows `start`, `start + 1`, … of a matrix, as a view. */
export interface RowBlock {
  start: number;
  rows: Tensor;
}

/** So many rows of `columns` numbers, or a multiple, fill whole steps of 256 bytes: views may start there. */
export function rowAlignment(columns: number, dtype: DType = "f32"): number {
  const numbers = 256 / BYTES_PER_NUMBER[dtype];
  return numbers / greatestCommonDivisor(numbers, columns);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/**
 * A matrix as blocks of rows, none larger than a kernel can bind: the matrix itself where it fits. Embeddings
 * and heads of large vocabularies do not on every adapter.
 * @param step the first row of each block is a multiple of it
 */
export function rowBlocks(
  matrix: Tensor,
  step = rowAlignment(matrix.shape[1], matrix.dtype),
): RowBlock[] {
  const { engine: { bindingLimit }, bytes, dtype, shape: [count, columns] } = matrix;
  if (bytes <= bindingLimit) return [{ start: 0, rows: matrix }];
  const height = Math.floor(bindingLimit / (BYTES_PER_NUMBER[dtype] * columns * step)) * step;
  if (height === 0) {
    throw new RangeError(
      `${step} rows of [${matrix.shape}] take more than the ${bindingLimit} bytes that this adapter binds`,
    );
  }
  // Blocks of about one size: the last is not so small that its launches do little.
  const blocks = Math.ceil(count / height);
  const rows = Math.ceil(count / blocks / step) * step;
  return Array.from({ length: Math.ceil(count / rows) }, (_, i) => {
    const start = i * rows;
    return { start, rows: matrix.rows(start, Math.min(start + rows, count)) };
  });
}
