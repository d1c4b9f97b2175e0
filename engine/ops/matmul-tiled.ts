import {
  type Layout,
  type Operands,
  parametersOf,
  type Sizes,
  storageOf,
} from "./matmul-operands.ts";
import { storedAs } from "./stored.ts";

/** Tiles of a workgroup each: 64 × 64, or 32 × 32 where larger ones would be too few for the GPU. */
export type TileSide = 32 | 64;

const LEAST_DEPTH = 64; // k's: for fewer, a workgroup is not worth the partial sum that it leaves
const WORKGROUPS = 256; // that a split is to make: a few for each core of a large GPU

/** How many tiles the result is. */
export function tileCount({ rows, columns }: Sizes, side: TileSide): number {
  return Math.ceil(rows / side) * Math.ceil(columns / side);
}

/** A product by tiles that workgroups make alone. */
export function launchTiled(operands: Operands, sizes: Sizes, layout: Layout, side: TileSide) {
  launchTiles(operands, sizes, layout, side, 1);
}

/**
 * A product whose long sum several workgroups share, as that of a weight's gradient: each leaves the partial sum
 * of its k's, and a second kernel adds those in a fixed order.
 */
export function launchSplit(operands: Operands, sizes: Sizes, layout: Layout): void {
  const { a, b, out, bias, residual } = operands;
  const { engine } = out;
  const { rows, columns } = sizes;
  const side = Math.min(rows, columns) <= 32 ? 32 : 64;
  const parts = partCount(sizes, side, engine.bindingLimit);
  if (parts === 1) return launchTiled(operands, sizes, layout, side);
  engine.scope(() => {
    const partials = engine.empty([parts, rows, columns]);
    const { transposeA, transposeB } = layout;
    launchTiles({ a, b, out: partials }, sizes, { transposeA, transposeB }, side, parts);
    const bindings = { partials, out, bias: bias ?? partials, residual: residual ?? partials };
    const parameters = { ...parametersOf(operands, sizes, layout), inner: parts };
    engine.launch(
      "matmul_tiled",
      "add_partials",
      bindings,
      parameters,
      engine.grid(rows * columns),
    );
  });
}

/**
 * How many workgroups share the sum of a tile: so many that there are about 256 in all. With fewer than 256 tiles,
 * the partial sums thus take 8 MiB at most.
 */
export function partCount(sizes: Sizes, side: TileSide, bindingLimit: number): number {
  const { rows, columns, inner } = sizes;
  const parts = Math.min(
    Math.ceil(WORKGROUPS / tileCount(sizes, side)),
    Math.floor(inner / LEAST_DEPTH),
    Math.floor(bindingLimit / (4 * rows * columns)),
  );
  return Math.max(parts, 1);
}

function launchTiles(
  operands: Operands,
  sizes: Sizes,
  layout: Layout,
  side: TileSide,
  parts: number,
): void {
  const { a, b, out, bias, residual } = operands;
  const { rows, columns } = sizes;
  out.engine.launch(
    "matmul_tiled",
    "tiled",
    // What is not used holds something readable.
    { a, b, a_vectors: a, b_vectors: b, out, bias: bias ?? a, residual: residual ?? a },
    parametersOf(operands, sizes, layout),
    [Math.ceil(columns / side), Math.ceil(rows / side), parts],
    { ...storageOf(sizes, layout), TILE: side, ...storedAs(b) },
  );
}
