import { expectShape, type Shape, sizeOf, type Tensor } from "../tensor/tensor.ts";
import { expectIntegers } from "./integers.ts";

/**
 * Rows u32 [G] of x [N, C], as [G, C]. The rows must be distinct where x is differentiated. A row of N
 * or more gives zeros.
 */
export function gatherRows(x: Tensor, rows: Tensor): Tensor {
  expectShape("gatherRows", "x", x, [null, null]);
  expectIntegers("gatherRows", "rows", rows, [null]);
  const { engine, shape: [, columns] } = x;
  const out = gather(x, rows, [rows.size, columns], columns);
  engine.tape?.record("gatherRows", [x], out, (upstream, sink) => {
    sink.give(x, scatter(upstream, rows, x.shape, columns));
  });
  return out;
}

/**
 * Zeros of `shape` with values [G] at the flat positions index u32 [G], which must be distinct. A
 * position outside of the shape is not written.
 */
export function scatterValues(values: Tensor, index: Tensor, shape: Shape): Tensor {
  expectShape("scatterValues", "values", values, [null]);
  expectIntegers("scatterValues", "index", index, values.shape);
  const out = scatter(values, index, shape, 1);
  values.engine.tape?.record("scatterValues", [values], out, (upstream, sink) => {
    sink.give(values, gather(upstream, index, values.shape, 1));
  });
  return out;
}

/** Rows `indices` of x, seen as a matrix of so many columns. */
function gather(x: Tensor, indices: Tensor, shape: Shape, columns: number): Tensor {
  const { engine } = x;
  const out = engine.empty(shape);
  const parameters = { count: indices.size, columns, rows: x.size / columns };
  engine.launch("gather", "gather_rows", { x, indices, out }, parameters, engine.grid(out.size));
  return out;
}

/** Zeros of `shape` with the rows of x at `indices`, both seen as matrices of so many columns. */
function scatter(x: Tensor, indices: Tensor, shape: Shape, columns: number): Tensor {
  const { engine } = x;
  const out = engine.zeros(shape);
  const parameters = { count: indices.size, columns, rows: sizeOf(shape) / columns };
  engine.launch("gather", "scatter_rows", { x, indices, out }, parameters, engine.grid(x.size));
  return out;
}
