import { expectShape, type Tensor } from "../tensor/tensor.ts";

/** Rows in one chunk of a two-stage sum over `rows` rows: √rows, which makes both stages equally long. */
export function chunkRows(rows: number): number {
  return Math.max(1, Math.ceil(Math.sqrt(rows)));
}

/** total [C] ← total + Σₙ x[n] for x [N, C], in one stage: for few rows, such as partial sums. */
export function addColumns(x: Tensor, total: Tensor): void {
  const { engine, shape: [rows, columns] } = x;
  engine.launch("reduce", "add_columns", { x, total }, { rows, columns }, engine.grid(columns));
}

/**
 * total [C] ← total + Σₙ x[n] for x [N, C]; the gradient of a bias. The order of the sum is fixed, so
 * the same input gives the same bits. Not differentiable.
 */
export function columnSums(x: Tensor, total: Tensor): void {
  expectShape("columnSums", "x", x, [null, null]);
  const { engine, shape: [rows, columns] } = x;
  expectShape("columnSums", "total", total, [columns]);
  const chunk = chunkRows(rows), chunks = Math.ceil(rows / chunk);
  engine.scope(() => {
    const partials = engine.empty([chunks, columns]);
    const parameters = { rows, columns, chunk_rows: chunk };
    engine.launch("reduce", "chunk_sums", { x, partials }, parameters, engine.grid(partials.size));
    addColumns(partials, total);
  });
}
