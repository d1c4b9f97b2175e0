import { expectShape, type Tensor } from "../tensor/tensor.ts";
import { addColumns, chunkRows } from "./reduce.ts";
import { laneDoesRow, rowConstants } from "./row-reduction.ts";

/**
 * Root-mean-square normalisation: out[n] = x[n] / √(mean(x[n]²) + epsilon) · weight, for x [N, C] and
 * weight [C] (Zhang and Sennrich 2019, "Root Mean Square Layer Normalization").
 */
export function rmsNorm(x: Tensor, weight: Tensor, epsilon: number): Tensor {
  expectShape("rmsNorm", "x", x, [null, null]);
  const { engine, shape: [rows, columns] } = x;
  expectShape("rmsNorm", "weight", weight, [columns]);
  const out = engine.empty(x.shape), inverseRms = engine.empty([rows]);
  const bindings = { x, weight, out, inverse_rms_out: inverseRms };
  const parameters = { rows, columns, epsilon };
  const grid = engine.grid(rows, 1), constants = rowConstants(engine);
  if (laneDoesRow(engine, columns)) {
    engine.launch("rmsnorm_rows", "forward", bindings, parameters, engine.grid(rows, 8));
  } else engine.launch("rmsnorm", "forward", bindings, parameters, grid, constants);
  engine.tape?.record("rmsNorm", [x, weight], out, (upstream, sink) => {
    if (sink.needs(weight)) {
      addWeightGradient(x, inverseRms, upstream, sink.accumulator(weight));
    }
    if (sink.needs(x)) {
      const { gradient: x_gradient, accumulate } = sink.destination(x);
      const bindings = { x, weight, inverse_rms: inverseRms, upstream, x_gradient };
      const parameters = { rows, columns, accumulate: Number(accumulate) };
      engine.launch("rmsnorm", "backward", bindings, parameters, grid, constants);
    }
  });
  return out;
}

function addWeightGradient(x: Tensor, inverseRms: Tensor, upstream: Tensor, total: Tensor): void {
  const { engine, shape: [rows, columns] } = x;
  const chunk = chunkRows(rows), chunks = Math.ceil(rows / chunk);
  engine.scope(() => {
    const partials = engine.empty([chunks, columns]);
    const bindings = { x, inverse_rms: inverseRms, upstream, partials };
    const parameters = { rows, columns, chunk_rows: chunk };
    engine.launch("rmsnorm", "weight_partials", bindings, parameters, engine.grid(partials.size));
    addColumns(partials, total);
  });
}
