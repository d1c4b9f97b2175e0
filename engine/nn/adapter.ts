import { scale } from "../ops/elementwise.ts";
import { launchMatmul } from "../ops/matmul.ts";
import { drawBits, purposes, uniform } from "../ops/threefry.ts";
import { type Entry, Parameters } from "../tensor/parameters.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { SCORE_WEIGHT, scoreEntries } from "./checkpoint.ts";
import { architectureOf } from "./families/index.ts";
import { type Adapter, factorEntries, type LoraConfig, LoraParameters } from "./lora.ts";
import type { Model } from "./model.ts";
import { matchesModule } from "./module-pattern.ts";

/** A LoRA config; what is left out takes PEFT's default. */
export type LoraOptions = Pick<LoraConfig, "rank" | "alpha" | "targets"> & Partial<LoraConfig>;

/**
 * `base` with new adapters, which are trained in place of its weights: those may be frozen, and other models may
 * share them. A scalar head of the base is copied and trained too. A is drawn from U(−1/√K, 1/√K) (He et al.
 * 2015 with PEFT's slope √5) and B is 0, so the model starts as the base, to the bit. Throws, naming it, where a
 * target is no linear layer.
 */
export function loraModel(base: Model, options: LoraOptions, seed: number): Model {
  const lora = loraConfig(options);
  checkTargets(base, lora);
  const heads = base.parameters.has(SCORE_WEIGHT) ? ["score"] : [];
  const parameters = new LoraParameters(base.parameters, lora, adapterLayout(base, lora, heads));
  for (const { name } of parameters.saved) {
    parameters.engine.copy(base.parameters.get(name), parameters.get(name));
  }
  for (const [number, { a }] of [...parameters.adapters.values()].entries()) {
    const bound = 1 / Math.sqrt(a.shape[1]);
    const values = Float32Array.from({ length: a.size }, (_, i) => {
      const position = { seed, purpose: purposes.adapter, episode: number, token: i };
      return bound * (2 * uniform(drawBits(position)[0]) - 1);
    });
    parameters.engine.write(a, values);
  }
  return { config: base.config, parameters };
}

/** Throws, naming it, where a target is no linear layer of the model. */
export function checkTargets(base: Model, options: LoraOptions): void {
  const lora = loraConfig(options);
  // Where only some of a list match, the others are slips.
  const each = typeof lora.targets === "string" ? [lora.targets] : lora.targets.map((one) => [one]);
  for (const targets of each) adaptedLayers(base, { ...lora, targets });
}

/** Names and shapes of an adapter over `base`, and of the modules `saved` that it replaces or adds. */
export function adapterLayout(base: Model, lora: LoraConfig, saved: readonly string[]): Entry[] {
  const { inputFirst } = architectureOf(base.config);
  const factors = adaptedLayers(base, lora).flatMap((layer) => {
    const { shape } = base.parameters.get(`${layer}.weight`);
    return factorEntries(layer, inputFirst ? shape.toReversed() : shape, lora);
  });
  return [...factors, ...savedEntries(base, saved)];
}

/** A plain model with the adapters added into its weights: W + s·B·A. */
export function mergeAdapter(model: Model, { trainable = true } = {}): Model {
  const adapter = adapterOf(model);
  const { engine, base } = adapter;
  if (base.entries.some(({ dtype }) => dtype === "f16")) {
    throw new Error(
      "the base is stored as f16, in which a sum would be rounded: load it as f32 to merge",
    );
  }
  const added = adapter.saved.filter(({ name }) => !base.has(name));
  const merged = new Parameters(engine, [...base.entries, ...added], trainable);
  merged.copyFrom(adapter);
  for (const [layer, factors] of adapter.adapters) {
    addProduct(merged.get(`${layer}.weight`), factors, architectureOf(model.config).inputFirst);
  }
  return { config: model.config, parameters: merged };
}

/** The model without its adapter: the one whose weights it shares. A model of its own is returned as it is. */
export function baseOf(model: Model): Model {
  return { ...model, parameters: model.parameters.base ?? model.parameters };
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

/** The adapter that `model` is. Throws where it is a model of its own. */
export function adapterOf({ parameters }: Model): LoraParameters {
  if (parameters instanceof LoraParameters) return parameters;
  throw new Error("the model carries no adapter; loraModel and loadAdapter make one that does");
}

function loraConfig(options: LoraOptions): LoraConfig {
  const config = {
    rankStabilized: false,
    exclude: [],
    rankPattern: {},
    alphaPattern: {},
    dropout: 0,
    ...options,
  };
  for (const rank of [config.rank, ...Object.values(config.rankPattern)]) {
    if (!(Number.isInteger(rank) && rank > 0)) {
      throw new RangeError(`a LoRA rank is a positive integer, got ${rank}`);
    }
  }
  return config;
}

/** Names of the linear layers that the config's targets mean. Throws where there are none. */
function adaptedLayers({ config, parameters }: Model, { targets, exclude }: LoraConfig): string[] {
  if (parameters.base) {
    throw new Error("the model already carries an adapter: merge it first (mergeAdapter)");
  }
  const prefix = `${architectureOf(config).layers}.`;
  const layers = parameters.entries
    .filter(({ name, shape }) => name.startsWith(prefix) && shape.length === 2)
    .map(({ name }) => moduleOf(name));
  const chosen = layers.filter((layer) =>
    (targets === "all-linear" || matchesModule(targets, layer)) && !matchesModule(exclude, layer)
  );
  if (chosen.length) return chosen;
  const known = [...new Set(layers.map((layer) => layer.split(".").at(-1)))];
  throw new Error(
    `the LoRA targets ${
      JSON.stringify(targets)
    } mean no linear layer of this model; those that can be adapted are ` +
      `${known.join(", ")} ("all-linear" means all of them)`,
  );
}

/** Entries for the weights of whole modules that are kept beside the adapters; PEFT's modules_to_save. */
function savedEntries({ config, parameters }: Model, modules: readonly string[]): Entry[] {
  const heads = parameters.has(SCORE_WEIGHT) ? [] : scoreEntries(config);
  const entries = [...parameters.entries, ...heads]
    .filter(({ name }) => matchesModule(modules, moduleOf(name)))
    .map((entry): Entry => ({ ...entry, dtype: "f32" })); // they are trained, whatever the base is stored as
  const embedding = `${architectureOf(config).tokens}.weight`;
  if (config.tied && entries.some(({ name }) => name === embedding)) {
    throw new Error(
      `the adapter replaces ${embedding}, which is also the output head of this model (tied embeddings): not supported`,
    );
  }
  return entries;
}

/** The module that a weight belongs to. */
export function moduleOf(weight: string): string {
  return weight.slice(0, weight.lastIndexOf("."));
}
