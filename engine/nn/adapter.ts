import { drawBits, purposes, uniform } from "../ops/threefry.ts";
import type { Entry } from "../tensor/parameters.ts";
import { SCORE_WEIGHT, scoreEntries } from "./checkpoint.ts";
import { moduleOf } from "./entries.ts";
import { architectureOf } from "./families/index.ts";
import { headNames } from "./head.ts";
import { factorEntries, type LinearLayer, type LoraConfig, LoraParameters } from "./lora.ts";
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
  const lora = withDefaults(options);
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
  const lora = withDefaults(options);
  // Where only some of a list match, the others are slips.
  const each = typeof lora.targets === "string" ? [lora.targets] : lora.targets.map((one) => [one]);
  for (const targets of each) adaptedLayers(base, { ...lora, targets });
}

/** Names and shapes of an adapter over `base`, and of the modules `saved` that it replaces or adds. */
export function adapterLayout(base: Model, lora: LoraConfig, saved: readonly string[]): Entry[] {
  const factors = adaptedLayers(base, lora).flatMap((layer) => factorEntries(layer, lora));
  return [...factors, ...savedEntries(base, saved)];
}

/** The model without its adapter: the one whose weights it shares. A model of its own is returned as it is. */
export function baseOf(model: Model): Model {
  return { ...model, parameters: model.parameters.base ?? model.parameters };
}

/** The adapter that `model` is. Throws where it is a model of its own. */
export function adapterOf({ parameters }: Model): LoraParameters {
  if (parameters instanceof LoraParameters) return parameters;
  throw new Error("the model carries no adapter; loraModel and loadAdapter make one that does");
}

function withDefaults(options: LoraOptions): LoraConfig {
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

/** The linear layers that the config's targets mean, the output head last. Throws where there are none. */
function adaptedLayers(base: Model, lora: LoraConfig): LinearLayer[] {
  if (base.parameters.base) {
    throw new Error("the model already carries an adapter: merge it first (mergeAdapter)");
  }
  const { config: { vocabulary, width } } = base, { targets, exclude } = lora;
  const all = targets === "all-linear";
  const inner = innerLayers(base);
  const chosen = inner.filter(({ name }) =>
    (all || matchesModule(targets, name)) && !matchesModule(exclude, name)
  );
  const heads = headNames(base.config);
  const head = heads.find((name) => !all && matchesModule(targets, name));
  if (head !== undefined && !heads.some((name) => matchesModule(exclude, name))) {
    chosen.push({ name: head, outputs: vocabulary, inputs: width, table: true });
  }
  if (chosen.length) return chosen;
  const known = [...new Set(inner.map(({ name }) => name.split(".").at(-1))), heads[0]];
  throw new Error(
    `the LoRA targets ${
      JSON.stringify(targets)
    } mean no linear layer of this model; those that can be adapted are ` +
      `${known.join(", ")} ("all-linear" means all of them but the output head, ${heads[0]})`,
  );
}

/** The linear layers below the output head. */
export function innerLayers({ config, parameters }: Model): LinearLayer[] {
  const { layers, inputFirst } = architectureOf(config);
  return parameters.entries
    .filter(({ name, shape }) => name.startsWith(`${layers}.`) && shape.length === 2)
    .map(({ name, shape }) => {
      const [outputs, inputs] = inputFirst ? shape.toReversed() : shape;
      return { name: moduleOf(name), outputs, inputs };
    });
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
