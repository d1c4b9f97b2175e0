// The matrix products of the self-test: one for each kernel that an adapter may come to rely on.
import type { Bindings } from "./bindings.ts";
import type { KernelConstants } from "./kernels.ts";
import type { Check } from "./self-test.ts";
import type { ShaderName } from "./shaders.ts";
import type { SubgroupMatrices } from "./subgroup-matrices.ts";

type Element = (row: number, column: number) => number;

interface Product {
  shader: ShaderName;
  entry: string;
  constants: KernelConstants;
  inner?: number;
  /** The buffer of B and its numbers, zero outside of B. */
  right(b: Element): Record<string, number[]>;
  /** Names under which A or B is bound once more. */
  also?: Readonly<Record<string, string>>;
  grid?: readonly [number, number, number];
}

const rows = 19, columns = 12;

/** Integers so small that the product is exact in every order of summation; sizes that leave tiles half full. */
function matrixProduct(product: Product): Check {
  const { shader, entry, constants, inner = 21, right, also = {} } = product;
  const a: Element = (m, k) => (m * 7 + k * 3) % 17 - 8;
  const b: Element = (k, n) => k < inner && n < columns ? (k * 5 + n * 11) % 13 - 6 : 0;
  const element = (m: number, n: number) => {
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += a(m, k) * b(k, n);
    return sum;
  };
  return {
    name: "the matrix product",
    shader,
    entry,
    constants,
    bindings: (engine) => {
      const [[name, values]] = Object.entries(right(b));
      const operand = engine.tensor(values);
      const bindings: Bindings = {
        a: engine.tensor(matrix(rows, inner, a)),
        [name]: operand,
        bias: operand,
        residual: operand,
        out: engine.empty([rows, columns]),
      };
      const more = Object.entries(also).map(([alias, name]) => [alias, bindings[name]]);
      return { ...bindings, ...Object.fromEntries(more) };
    },
    output: "out",
    parameters: {
      rows,
      columns,
      inner,
      with_bias: 0,
      with_residual: 0,
      with_accumulate: 0,
    },
    grid: product.grid ?? [1, 3, 1],
    expected: matrix(rows, columns, element),
    tolerance: 0,
  };
}

export function matrix(rows: number, columns: number, element: Element): number[] {
  return Array.from(
    { length: rows * columns },
    (_, i) => element(Math.floor(i / columns), i % columns),
  );
}

/** B as a linear layer stores its weight, [N, K]. */
const stored = (inner: number) => (b: Element) => ({
  b: matrix(columns, inner, (n, k) => b(k, n)),
});
const vectors = { a_vectors: "a", b_vectors: "b" };

export const directProduct = matrixProduct({
  shader: "matmul",
  entry: "direct",
  constants: { TRANSPOSE_A: 0, TRANSPOSE_B: 1 },
  right: stored(21),
});

export function subgroupProduct(lanes: number): Check {
  return matrixProduct({
    shader: "matmul_subgroup",
    entry: "product_transposed",
    constants: { TRANSPOSE_A: 0, WORKGROUP: lanes, ROWS: 16 },
    inner: 22,
    right: (b) => ({ b_transposed: stored(22)(b).b }),
  });
}

export const tiledProduct = matrixProduct({
  shader: "matmul_tiled",
  entry: "tiled",
  constants: { TRANSPOSE_A: 0, TRANSPOSE_B: 1, VECTORS_A: 1, VECTORS_B: 1, TILE: 64 },
  inner: 20,
  right: stored(20),
  also: vectors,
});

/** With K beyond what one thread sums, so that every subgroup has something to add. */
export const vectorProduct = matrixProduct({
  shader: "matmul_vector_subgroup",
  entry: "vector",
  constants: { TRANSPOSE_A: 0, TRANSPOSE_B: 1, VECTORS_A: 1, VECTORS_B: 1, ROWS: 8 },
  inner: 260,
  right: stored(260),
  also: vectors,
  grid: [3, 3, 1],
});

export function matricesProduct(matrices: SubgroupMatrices): Check {
  const { rows: ROWS, columns: COLUMNS, inner: INNER, workgroup: WORKGROUP } = matrices;
  return matrixProduct({
    shader: "matmul_matrices",
    entry: "matrices",
    constants: { TRANSPOSE_A: 0, TRANSPOSE_B: 1, ROWS, COLUMNS, INNER, WORKGROUP },
    right: stored(21),
    grid: [Math.ceil(columns / (4 * COLUMNS)), Math.ceil(rows / (4 * ROWS)), 1],
  });
}
