import { launchMatmul } from "../ops/matmul.ts";
import { scale } from "../ops/elementwise.ts";
import { type Entry, Parameters } from "../tensor/parameters.ts";
import { sizeOf } from "../tensor/tensor.ts";
import { adapterEntries, type LoraConfig, LoraParameters } from "./lora.ts";
import { type Model, SCORE_WEIGHT } from "./model.ts";
import { matchesModule, type ModulePattern } from "./module-pattern.ts";
import { drawBits, purposes, uniform } from "./threefry.ts";

/** A LoRA config; what is left out takes PEFT's default. */
export type LoraOptions = Pick<LoraConfig, "rank" | "alpha" | "targets"> & Partial<LoraConfig>;

/** A model whose parameters are an adapter over a base. */
export interface AdaptedModel extends Model {
  parameters: LoraParameters;
}

/**
 * `base` with new adapters, trained in place of its weights, which other models may share. A scalar head of
 * the base is copied and trained too. A is drawn from U(−1/√K, 1/√K) (He et al. 2015 with PEFT's slope √5) and
 * B is 0, so the model starts as the base, to the bit. Throws, naming it, where a target is no linear layer.
 */
export function loraModel(base: Model, options: LoraOptions, seed: number): AdaptedModel {
  const lora = loraConfig(options);
  for (const target of typeof lora.targets === "string" ? [] : lora.targets) {
    adaptedLayers(base, { ...lora, targets: [target] }); // one that matches nothing is a slip
  }
  const heads = base.parameters.has(SCORE_WEIGHT) ? ["score"] : [];
  const model = emptyAdapter(base, lora, heads);
  const { parameters } = model;
  for (const name of parameters.names) {
    if (base.parameters.has(name)) {
      parameters.engine.copy(base.parameters.get(name), parameters.get(name));
    }
  }
  for (const [number, { a }] of [...parameters.adapters.values()].entries()) {
    const bound = 1 / Math.sqrt(a.shape[1]);
    const values = Float32Array.from({ length: sizeOf(a.shape) }, (_, i) => {
      const position = { seed, purpose: purposes.adapter, episode: number, token: i };
      return bound * (2 * uniform(drawBits(position)[0]) - 1);
    });
    parameters.engine.write(a, values);
  }
  return model;
}

/** Adapters over `base` whose numbers are all 0, and zeroed replacements of the modules `saved`. */
export function emptyAdapter(
  base: Model,
  lora: LoraConfig,
  saved: ModulePattern,
  trainable = true,
): AdaptedModel {
  const { parameters } = base;
  if (parameters.base) {
    throw new Error("the base already carries an adapter: merge it first (mergeAdapter)");
  }
  const adapters = adaptedLayers(base, lora).flatMap((layer) =>
    adapterEntries(layer, parameters.get(`${layer}.weight`).shape, lora)
  );
  const entries = [...adapters, ...savedEntries(base, saved)];
  return { ...base, parameters: new LoraParameters(parameters, lora, entries, trainable) };
}

/** A plain model with the adapters added into its weights: W + s·B·A. */
export function mergeAdapter(
  { config, parameters }: AdaptedModel,
  { trainable = true } = {},
): Model {
  const { engine, base, adapters } = parameters;
  const added = parameters.entries.filter(({ name }) => moduleOf(name) === "score");
  const own = added.filter(({ name }) => !base.has(name));
  const merged = new Parameters(engine, [...base.entries, ...own], trainable);
  merged.copyFrom(parameters);
  for (const [layer, { a, b, scale: factor }] of adapters) {
    const out = merged.get(`${layer}.weight`);
    const [rows, columns] = out.shape;
    const sizes = { rows, columns, inner: a.shape[0] };
    engine.scope(() =>
      launchMatmul({ a: b, b: scale(a, factor), out }, sizes, { accumulate: true })
    );
  }
  return { config, parameters: merged };
}
