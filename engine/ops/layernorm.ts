import { expectShape, type Tensor } from "../tensor/tensor.ts";
import { addColumns, chunkRows } from "./reduce.ts";
import { laneDoesRow, rowConstants } from "./row-reduction.ts";

/**
 * Layer normalisation: out[n] = (x[n] − mean(x[n])) / √(variance(x[n]) + epsilon) · weight + bias, for x
 * [N, C], weight and bias [C] (Ba, Kiros and Hinton 2016, arXiv:1607.06450).
 */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: number): Tensor {
  expectShape("layerNorm", "x", x, [null, null]);
  const { engine, shape: [rows, columns] } = x;
  expectShape("layerNorm", "weight", weight, [columns]);
  expectShape("layerNorm", "bias", bias, [columns]);
  const out = engine.empty(x.shape), statistics = engine.empty([rows, 2]);
  const bindings = { x, weight, bias, out, statistics_out: statistics };
  const grid = engine.grid(rows, 1), constants = rowConstants(engine);
  const parameters = { rows, columns, epsilon };
  if (laneDoesRow(engine, columns)) {
    engine.launch("layernorm_rows", "forward", bindings, parameters, engine.grid(rows, 8));
  } else engine.launch("layernorm", "forward", bindings, parameters, grid, constants);
  engine.tape?.record("layerNorm", [x, weight, bias], out, (upstream, sink) => {
    const reads = { x, statistics, upstream };
    if (sink.needs(weight) || sink.needs(bias)) {
      addParameterGradients(reads, sink.accumulator(weight), sink.accumulator(bias));
    }
    if (sink.needs(x)) {
      const { gradient: x_gradient, accumulate } = sink.destination(x);
      const bindings = { ...reads, weight, x_gradient };
      const parameters = { rows, columns, accumulate: Number(accumulate) };
      engine.launch("layernorm", "backward", bindings, parameters, grid, constants);
    }
  });
  return out;
}

function addParameterGradients(
  reads: { x: Tensor; statistics: Tensor; upstream: Tensor },
  weightTotal: Tensor,
  biasTotal: Tensor,
): void {
  const { engine, shape: [rows, columns] } = reads.x;
  const chunk = chunkRows(rows), chunks = Math.ceil(rows / chunk);
  engine.scope(() => {
    const weight_partials = engine.empty([chunks, columns]);
    const bias_partials = engine.empty([chunks, columns]);
    const bindings = { ...reads, weight_partials, bias_partials };
    const parameters = { rows, columns, chunk_rows: chunk };
    const grid = engine.grid(weight_partials.size);
    engine.launch("layernorm", "partials", bindings, parameters, grid);
    addColumns(weight_partials, weightTotal);
    addColumns(bias_partials, biasTotal);
  });
}
