import { scale } from "../ops/elementwise.ts";
import { launchMatmul } from "../ops/matmul.ts";
import { Parameters } from "../tensor/parameters.ts";
import { rowAlignment, rowBlocks } from "../tensor/row-blocks.ts";
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
  if (adapter.base.entries.some(({ dtype }) => dtype === "f16")) {
    throw new Error("the base is stored as f16: load it as f32 to merge an adapter into it");
  }
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
  const { inputFirst } = architectureOf(config);
  for (const [layer, factors] of adapter.adapters) {
    const name = checkpointName(config, `${layer}.weight`);
    addProduct(parameters.get(name), factors, inputFirst && name !== head);
  }
  return { config, parameters };
}

/** W ← W + s·B·A; a weight that is stored [K, N] takes the transpose, Aᵀ·Bᵀ. */
function addProduct(weight: Tensor, { a, b, scale: s }: Adapter, inputFirst: boolean): void {
  const { engine, shape: [rows, columns] } = weight, [inner] = a.shape;
  engine.scope(() => {
    const scaled = scale(a, s);
    if (inputFirst) {
      const layout = { transposeA: true, transposeB: true, accumulate: true };
      return launchMatmul({ a: scaled, b, out: weight }, { rows, columns, inner }, layout);
    }
    const step = Math.max(rowAlignment(columns), rowAlignment(inner)); // both are powers of 2
    for (const { start, rows: out } of rowBlocks(weight, step)) {
      const [rows] = out.shape;
      const operands = { a: b.rows(start, start + rows), b: scaled, out };
      launchMatmul(operands, { rows, columns, inner }, { accumulate: true });
    }
  });
}
