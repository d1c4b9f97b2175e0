import { expectShape, type Tensor } from "../tensor/tensor.ts";
import { addColumns, chunkRows } from "./reduce.ts";

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
  engine.launch("rmsnorm", "forward", bindings, { rows, columns, epsilon }, engine.grid(rows, 1));
  engine.tape?.record("rmsNorm", [x, weight], out, (upstream, sink) => {
    if (sink.needs(weight)) {
      addWeightGradient(x, inverseRms, upstream, sink.accumulator(weight));
    }
    if (sink.needs(x)) sink.give(x, inputGradient(x, weight, inverseRms, upstream));
  });
  return out;
}

function inputGradient(x: Tensor, weight: Tensor, inverseRms: Tensor, upstream: Tensor): Tensor {
  const { engine, shape: [rows, columns] } = x;
  const gradient = engine.empty(x.shape);
  const bindings = { x, weight, inverse_rms: inverseRms, upstream, x_gradient: gradient };
  engine.launch("rmsnorm", "backward", bindings, { rows, columns }, engine.grid(rows, 1));
  return gradient;
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
