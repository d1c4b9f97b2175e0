import type { Engine } from "../gpu/engine.ts";
import type { GeluForm } from "./gelu.ts";
import {
  type Layout,
  type Operands,
  parametersOf,
  type Sizes,
  storageOf,
} from "./matmul-operands.ts";
import { storedAs } from "./stored.ts";

/** Whether the kernel can store the product by fours of columns, and read a B that is [N, K] by twos of k. */
export function fitsSubgroups({ columns, inner }: Sizes, { transposeB }: Layout): boolean {
  return columns % 4 === 0 && (!transposeB || inner % 2 === 0);
}

/** The layout of a product whose epilogue may end with x·Φ(x). */
export interface SubgroupLayout extends Layout {
  gelu?: GeluForm;
}

/** What the epilogue calls the forms of Φ. */
export const geluForms: Readonly<Record<GeluForm, number>> = { erf: 1, tanh: 2 };

/** A product with subgroups on an adapter that computes on the CPU. B is read as it is stored. */
export function launchSubgroup(operands: Operands, sizes: Sizes, layout: SubgroupLayout): void {
  const { a, b, out, bias, residual } = operands;
  const { engine } = out;
  const { TRANSPOSE_A, TRANSPOSE_B } = storageOf(sizes, layout);
  const nameOfB = TRANSPOSE_B ? "b_transposed" : "b";
  const WORKGROUP = engine.features.lanes;
  const ROWS = tileRows(engine, sizes);
  const GELU = layout.gelu ? geluForms[layout.gelu] : 0;
  engine.launch(
    "matmul_subgroup",
    TRANSPOSE_B ? "product_transposed" : "product",
    { a, [nameOfB]: b, out, bias: bias ?? a, residual: residual ?? a }, // what is not used holds something readable
    parametersOf(operands, sizes, layout),
    [Math.ceil(sizes.columns / (8 * WORKGROUP)), Math.ceil(sizes.rows / ROWS), 1],
    { TRANSPOSE_A, WORKGROUP, ROWS, GELU, ...storedAs(b) },
  );
}

/** Tiles that all cores of a CPU find work in, even where the last are few. */
const ENOUGH_TILES = 8;

/** Rows of a tile. A large one loads less for each, but leaves cores idle where there are few of them. */
function tileRows({ features }: Engine, { rows, columns }: Sizes): number {
  if (rows <= 4) return 4;
  const tiles = Math.ceil(rows / 32) * Math.ceil(columns / (8 * features.lanes));
  return rows <= 16 || tiles < ENOUGH_TILES ? 16 : 32;
}
