import { scale } from "../ops/elementwise.ts";
import { launchMatmul } from "../ops/matmul.ts";
import { addTableGradient, tableLogits } from "../ops/table-product.ts";
import { Parameters } from "../tensor/parameters.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { adapterOf } from "./adapter.ts";
import { checkpointName, parameterEntries, SCORE_WEIGHT } from "./checkpoint.ts";
import { architectureOf } from "./families/index.ts";
import { headAdapter, headWeightName } from "./head.ts";
import type { Adapter } from "./lora.ts";
import type { Model } from "./model.ts";

/**
 * A plain model with the adapters added into its weights: W + s·B·A. An adapted head that was tied to the embedding
 * comes loose from it: the merged model is not tied, and holds both.
 */
export function mergeAdapter(model: Model, { trainable = true } = {}): Model {
  const adapter = adapterOf(model);
  const config = headAdapter(model.config, adapter)
    ? { ...model.config, tied: false }
    : model.config;
  const entries = parameterEntries(config, { score: adapter.has(SCORE_WEIGHT) });
  const parameters = new Parameters(adapter.engine, entries, trainable);
  const head = headWeightName(config);
  for (const name of parameters.names) {
    const source = name === head ? headWeightName(model.config) : name;
    adapter.engine.copy(adapter.get(source), parameters.get(name));
  }
  for (const [layer, factors] of adapter.adapters) {
    const name = checkpointName(config, `${layer}.weight`);
    if (name === head) addToTable(parameters.get(name), factors);
    else addProduct(parameters.get(name), factors, architectureOf(config).inputFirst);
  }
  return { config, parameters };
}

/** W ← W + s·B·A; a weight that is stored [K, N] takes the transpose, Aᵀ·Bᵀ. */
function addProduct(weight: Tensor, { a, b, scale: s }: Adapter, inputFirst: boolean): void {
  const { engine, shape: [rows, columns] } = weight;
  const sizes = { rows, columns, inner: a.shape[0] };
  engine.scope(() => {
    const scaled = scale(a, s);
    const operands = inputFirst ? { a: scaled, b, out: weight } : { a: b, b: scaled, out: weight };
    const layout = { transposeA: inputFirst, transposeB: inputFirst, accumulate: true };
    launchMatmul(operands, sizes, layout);
  });
}

/** The same for the head's table, which may be too large for one binding, as may be B. */
function addToTable(table: Tensor, { a, b, scale: s }: Adapter): void {
  const { engine } = table, [rank] = a.shape;
  engine.scope(() => {
    const diagonal = Float32Array.from({ length: rank ** 2 }, (_, i) => i % (rank + 1) ? 0 : s);
    const transposed = tableLogits(engine.tensor(diagonal, [rank, rank]), b); // s·Bᵀ
    addTableGradient(transposed, a, table);
  });
}
