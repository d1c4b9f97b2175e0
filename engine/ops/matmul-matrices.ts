import {
  type Layout,
  type Operands,
  parametersOf,
  type Sizes,
  storageOf,
} from "./matmul-operands.ts";
import { storedAs } from "./stored.ts";

/**
 * A product on the GPU's matrix units, for engines that were made with `experimental.subgroupMatrices`.
 * @throws where the engine has none
 */
export function launchMatrices(operands: Operands, sizes: Sizes, layout: Layout): void {
  const { a, b, out, bias, residual } = operands;
  const { subgroupMatrices } = out.engine.features;
  if (!subgroupMatrices) {
    throw new Error(
      "the product by subgroup matrices needs an engine made with experimental.subgroupMatrices",
    );
  }
  const { rows: ROWS, columns: COLUMNS, inner: INNER, workgroup: WORKGROUP } = subgroupMatrices;
  const { TRANSPOSE_A, TRANSPOSE_B } = storageOf(sizes, layout);
  out.engine.launch(
    "matmul_matrices",
    "matrices",
    { a, b, out, bias: bias ?? a, residual: residual ?? a },
    parametersOf(operands, sizes, layout),
    [Math.ceil(sizes.columns / (4 * COLUMNS)), Math.ceil(sizes.rows / (4 * ROWS)), 1],
    { TRANSPOSE_A, TRANSPOSE_B, ROWS, COLUMNS, INNER, WORKGROUP, ...storedAs(b) },
  );
}
