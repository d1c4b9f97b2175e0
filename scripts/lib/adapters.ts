// LoRA in commands: the flags, and folders that hold an adapter in place of a model.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Engine } from "../../engine/gpu/engine.ts";
import { baseOf, loraModel, type LoraOptions } from "../../engine/nn/adapter.ts";
import type { Folder } from "../../engine/nn/bytes.ts";
import { copyModel, loadModel, type Model } from "../../engine/nn/model.ts";
import { isAdapter, loadAdapter } from "../../engine/nn/peft.ts";
import { adapterBase } from "../../engine/nn/peft-config.ts";
import { ArgumentError } from "../host/arguments.ts";
import { openFolder } from "../host/files.ts";

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
    help: "layers to adapt, such as q_proj,v_proj; all linear layers without it",
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

/** A model to train that starts as `start`: adapters over it, or a copy of what it is. */
export function trainable(start: Model, lora: LoraOptions | null, seed: number): Model {
  return lora ? loraModel(start, lora, seed) : copyModel(start);
}

/**
 * Loads a model folder, or a PEFT adapter's over its base, frozen: training starts from copies. An adapter over
 * the base of `other`, a model at hand with the folder it came from, shares its weights.
 */
export async function loadFrozen(
  engine: Engine,
  path: string,
  other?: { path: string; base: Model },
): Promise<Model> {
  const folder = openFolder(path);
  if (!await isAdapter(folder)) return await loadModel(engine, folder, { trainable: false });
  const baseFolder = await openBase(folder);
  const base = other && await basePath(other.path) === resolve(baseFolder.name)
    ? baseOf(other.base)
    : await loadModel(engine, baseFolder, { trainable: false });
  return await loadAdapter(base, folder, { trainable: false });
}

/** The folder of the model at `path` or, where that is an adapter, of its base. */
export async function basePath(path: string): Promise<string> {
  const folder = openFolder(path);
  return resolve(await isAdapter(folder) ? (await openBase(folder)).name : path);
}

/** The base model of an adapter; its path is taken from the adapter's folder or, as PEFT does, from where we are. */
export async function openBase(adapter: Folder): Promise<Folder> {
  const { name } = await adapterBase(adapter);
  const paths = name === null ? [] : [resolve(adapter.name, name), resolve(name)];
  const found = paths.find((path) => existsSync(path));
  if (found) return openFolder(found);
  throw new Error(
    `${adapter.name}/adapter_config.json names the base model ${
      JSON.stringify(name)
    }, and there is no such folder; ` +
      "set base_model_name_or_path to the base model's folder",
  );
}
