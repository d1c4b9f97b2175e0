import type { GeluForm } from "../ops/gelu.ts";
import { linear } from "../ops/matmul.ts";
import type { RowProgram } from "../ops/row-program.ts";
import type { Parameters } from "../tensor/parameters.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { adapterOfLayer, adapterProduct } from "./lora.ts";

/** What a linear layer of a model adds, and how its family stores weights. */
export interface ProjectOptions {
  /** [N, out], added to the result. */
  residual?: Tensor;
  /** Weights are stored [in, out], as GPT-2's Conv1D has them, and not [out, in]. */
  inputFirst?: boolean;
  /** The result is `gelu` of the sum. */
  gelu?: GeluForm;
  /** Does the layer, where it can. */
  program?: RowProgram | null;
}

/**
 * The linear layer `name` of a model on x [N, in], with its bias where the checkpoint has one and its low-rank
 * adapter where `parameters` has one; as [N, out].
 * All projections of all families pass here, but for the output head (head.ts).
 */
export function project(
  parameters: Parameters,
  name: string,
  x: Tensor,
  { residual, inputFirst, gelu, program }: ProjectOptions = {},
): Tensor {
  const bias = parameters.has(`${name}.bias`) ? parameters.get(`${name}.bias`) : undefined;
  const adapter = adapterOfLayer(parameters, name);
  const rest = adapter ? adapterProduct(adapter, x, residual) : residual;
  const weight = parameters.get(`${name}.weight`),
    options = { bias, residual: rest, inputFirst, gelu };
  return program?.linear(x, weight, options) ?? linear(x, weight, options);
}
