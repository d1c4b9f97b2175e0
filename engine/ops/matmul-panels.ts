// What shaders/matmul_subgroup.wgsl needs of its launcher: how it lays out B, and the tile of a workgroup.
import type { Engine } from "../gpu/engine.ts";
import { sizeOf, type Tensor } from "../tensor/tensor.ts";

interface Sizes {
  rows: number;
  columns: number;
  inner: number;
}

/** Tiles that all cores of a CPU find work in, even where the last are few. */
const ENOUGH_TILES = 8;

/** Columns of a panel and of a tile: two vec4 a lane. */
function panelWidth({ features: { lanes } }: Engine): number {
  return 8 * lanes;
}

/** The shape of B in panels of columns: panels, depth, columns of a panel. */
function panelShape(engine: Engine, { columns, inner }: Sizes) {
  const width = panelWidth(engine);
  return [Math.ceil(columns / width), Math.ceil(inner / 2) * 2, width] as const;
}

export function panelsFit(engine: Engine, sizes: Sizes): boolean {
  return 4 * sizeOf(panelShape(engine, sizes)) <= engine.bindingLimit;
}

/** B in panels of columns, from [K, N] or, where `transposed`, [N, K]. */
export function packPanels(x: Tensor, sizes: Sizes, transposed: boolean): Tensor {
  const { engine } = x;
  const { columns, inner } = sizes;
  const panels = engine.empty(panelShape(engine, sizes));
  const [, depth, width] = panels.shape;
  const vectors = panels.size / 4;
  const parameters = { columns, inner, depth, row_vectors: width / 4, vectors };
  const constants = { TRANSPOSE_B: Number(transposed) };
  engine.launch("matmul", "pack", { x, panels }, parameters, engine.grid(vectors), constants);
  return panels;
}

/** Rows of a tile: a tile of more loads less for each, but fewer tiles leave cores idle. */
export function tileRows(engine: Engine, { rows, columns }: Sizes): number {
  if (rows <= 4) return 4;
  const tiles = Math.ceil(rows / 32) * Math.ceil(columns / panelWidth(engine));
  return tiles < ENOUGH_TILES ? 16 : 32;
}

/** Workgroups of a product in tiles of so many rows. */
export function tileGrid(
  engine: Engine,
  { rows, columns }: Sizes,
  tileRows: number,
): [number, number, number] {
  return [Math.ceil(columns / panelWidth(engine)), Math.ceil(rows / tileRows), 1];
}
