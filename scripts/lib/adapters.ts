// LoRA in commands: the flags, and folders that hold an adapter in place of a model.
import { isAbsolute, resolve } from "node:path";
import type { Engine } from "../../engine/gpu/engine.ts";
import { baseOf, checkTargets, loraModel, type LoraOptions } from "../../engine/nn/adapter.ts";
import type { Folder } from "../../engine/nn/bytes.ts";
import type { WeightOptions } from "../../engine/nn/checkpoint.ts";
import { copyModel, loadModel, type Model } from "../../engine/nn/model.ts";
import { isAdapter, loadAdapter } from "../../engine/nn/peft.ts";
import { adapterBase } from "../../engine/nn/peft-config.ts";
import { ArgumentError, asArgument } from "../host/arguments.ts";
import { openFolder } from "../host/files.ts";
import { isFolder, modelFolder, type ModelSource } from "./model-folder.ts";

export const loraFlags = {
  loraRank: {
    type: "integer",
    min: 1,
    help: "trains low-rank adapters of this rank over the frozen model, in place of all weights",
  },
  loraAlpha: {
    type: "number",
    min: 0,
    help: "the adapters' scale is alpha / rank; twice the rank without it",
  },
  loraTargets: {
    type: "string",
    placeholder: "NAMES",
    help:
      "layers to adapt, such as q_proj,v_proj; without it all linear layers but the output head",
  },
} as const;

/** What the flags say; null where all weights are trained. */
export function loraOptions(
  given: { loraRank?: number; loraAlpha?: number; loraTargets?: string },
): LoraOptions | null {
  const { loraRank: rank, loraAlpha, loraTargets } = given;
  if (rank === undefined) {
    if (loraAlpha === undefined && loraTargets === undefined) return null;
    throw new ArgumentError("--lora-alpha and --lora-targets belong to --lora-rank N");
  }
  return { rank, alpha: loraAlpha ?? 2 * rank, targets: loraTargets?.split(",") ?? "all-linear" };
}

/**
 * A model to train that starts as `start`: adapters over it, or a copy of what it is. What already is an adapter
 * goes on as one.
 */
export function trainable(start: Model, lora: LoraOptions | null, seed: number): Model {
  return lora && !start.parameters.base ? loraModel(start, lora, seed) : copyModel(start);
}

/**
 * Throws where the flags ask for new adapters over what already is one, for layers that there are not, or to train
 * weights that are stored as f16.
 */
export function checkLora(flag: string, start: Model, lora: LoraOptions | null): void {
  checkStored(flag, start, lora);
  if (lora === null) return;
  if (!start.parameters.base) return asArgument(() => checkTargets(start, lora));
  throw new ArgumentError(
    `${flag} names an adapter, which goes on being trained: leave out --lora-rank, or merge the adapter into ` +
      "its base first (scripts/merge.ts).",
  );
}

/** Throws where all weights of a model would be trained that are stored as f16. */
export function checkStored(
  flag: string,
  { parameters: { base, entries } }: Model,
  lora: LoraOptions | null,
): void {
  if (lora || base || !entries.some(({ dtype }) => dtype === "f16")) return;
  throw new ArgumentError(
    `--weights f16 is for weights that stay as they are, and all those of ${flag} would be trained: give ` +
      "--lora-rank N to train adapters over them, or leave --weights f16 out.",
  );
}

/** How a frozen model is loaded. */
export interface FrozenOptions extends Pick<WeightOptions, "weights"> {
  /** A model at hand: an adapter over its base shares it. */
  other?: ModelSource & { base: Model };
}

/**
 * Loads a model folder, or a PEFT adapter's over its base, frozen: training starts from copies.
 */
export async function loadFrozen(
  engine: Engine,
  path: string,
  { other, weights }: FrozenOptions = {},
): Promise<Model> {
  if (weights === "f16" && !engine.features.half) {
    throw new ArgumentError(
      "--weights f16 needs an adapter whose kernels read it (shader-f16), and this one's do not; leave it out.",
    );
  }
  const folder = openFolder(path), frozen = { trainable: false, weights };
  if (!await isAdapter(folder)) return await loadModel(engine, folder, frozen);
  const base = other && await baseName(other) === await baseName({ name: path, path })
    ? baseOf(other.base)
    : await loadModel(engine, await openBase(folder), frozen);
  return await loadAdapter(base, folder, { trainable: false });
}

/** The name of the model that stands under what was read from `source`: a folder in full, or a hub name. */
export async function baseName({ name, path }: ModelSource): Promise<string> {
  const folder = openFolder(path);
  if (await isAdapter(folder)) return await baseNamed(folder);
  return isFolder(name) ? resolve(path) : name;
}

/** The base model of an adapter, downloaded where it is one of the hub. */
export async function openBase(adapter: Folder): Promise<Folder> {
  return openFolder(await modelFolder(await baseNamed(adapter)));
}

/** A path is taken from the adapter's folder or, as PEFT does, from where we are; else it is a hub name. */
async function baseNamed(adapter: Folder): Promise<string> {
  const { name, revision } = await adapterBase(adapter);
  const paths = name === null ? [] : [resolve(adapter.name, name), resolve(name)];
  const found = paths.find(isFolder);
  if (found) return found;
  if (name !== null && !isAbsolute(name)) return revision === null ? name : `${name}@${revision}`;
  throw new Error(
    `${adapter.name}/adapter_config.json names the base model ${
      JSON.stringify(name)
    }, and there is no such folder; ` +
      "set base_model_name_or_path to the base model's folder",
  );
}
