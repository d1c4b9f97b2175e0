// LoRA in commands: the flags, and folders that hold an adapter in place of a model.
import { isAbsolute, resolve } from "node:path";
import type { Engine } from "../../engine/gpu/engine.ts";
import { baseOf, checkTargets, loraModel, type LoraOptions } from "../../engine/nn/adapter.ts";
import type { Folder } from "../../engine/nn/bytes.ts";
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

/** Throws where the flags ask for new adapters over what already is one, or for layers that there are not. */
export function checkLora(flag: string, start: Model, lora: LoraOptions | null): void {
  if (lora === null) return;
  if (!start.parameters.base) return asArgument(() => checkTargets(start, lora));
  throw new ArgumentError(
    `${flag} names an adapter, which goes on being trained: leave out --lora-rank, or merge the adapter into ` +
      "its base first (scripts/merge.ts).",
  );
}

/**
 * Loads a model folder, or a PEFT adapter's over its base, frozen: training starts from copies. An adapter over
 * the base of `other`, a model at hand, shares its weights.
 */
export async function loadFrozen(
  engine: Engine,
  path: string,
  other?: ModelSource & { base: Model },
): Promise<Model> {
  const folder = openFolder(path);
  if (!await isAdapter(folder)) return await loadModel(engine, folder, { trainable: false });
  const base = other && await baseName(other) === await baseName({ name: path, path })
    ? baseOf(other.base)
    : await loadModel(engine, await openBase(folder), { trainable: false });
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
