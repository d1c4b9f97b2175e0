import type { Tensor } from "../tensor/tensor.ts";

/** What a product is made of and where it goes. */
export interface Operands {
  a: Tensor;
  b: Tensor;
  out: Tensor;
  bias?: Tensor;
  residual?: Tensor;
}

export interface Sizes {
  rows: number;
  columns: number;
  inner: number;
}

export interface Layout {
  /** A is stored [K, M]. */
  transposeA?: boolean;
  /** B is stored [N, K]. */
  transposeB?: boolean;
  /** Adds to what `out` holds. */
  accumulate?: boolean;
}

/** The parameters that all kernels of the product take: its sizes, and what its epilogue adds. */
export function parametersOf({ bias, residual }: Operands, sizes: Sizes, layout: Layout) {
  return {
    ...sizes,
    with_bias: Number(bias !== undefined),
    with_residual: Number(residual !== undefined),
    with_accumulate: Number(layout.accumulate ?? false),
  };
}

/** How A and B are stored, and whether their rows, as stored, can be read by vec4s. */
export function storageOf({ rows, columns, inner }: Sizes, layout: Layout) {
  const { transposeA = false, transposeB = false } = layout;
  return {
    TRANSPOSE_A: Number(transposeA),
    TRANSPOSE_B: Number(transposeB),
    VECTORS_A: Number((transposeA ? rows : inner) % 4 === 0),
    VECTORS_B: Number((transposeB ? inner : columns) % 4 === 0),
  };
}
