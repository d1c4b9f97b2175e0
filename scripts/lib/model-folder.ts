import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { loadConfig } from "../../engine/nn/config.ts";
import { type HubAccess, hubAccess } from "../host/hub/access.ts";
import { openFolder } from "../host/files.ts";
import { resolveHub } from "../host/hub.ts";

/** Files of a model folder, besides the weights, that training leaves as they are. */
export const TOKENIZER_FILES = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.json",
  "merges.txt",
  "chat_template.jinja",
  "chat_template.json",
  "generation_config.json",
];
const CONFIGS = ["config.json", "generation_config.json", "adapter_config.json"];
const NEEDED = [...CONFIGS, ...TOKENIZER_FILES];

const SINGLE = /^(?:adapter_)?model\.safetensors$/;
const SHARDS = /^model(?:-\d+-of-\d+\.safetensors|\.safetensors\.index\.json)$/;

/** What a model was read from. */
export interface ModelSource {
  /** As it was named: a folder, or a name on the hub. */
  name: string;
  /** The folder that holds its files. */
  path: string;
}

/**
 * The folder of a model: `name` itself where it is one, or the folder of the one model of a run; else a
 * model of the hub, of which what the cache lacks is downloaded.
 * @param more files beside those of the model that are wanted where they are there
 */
export async function modelFolder(
  name: string,
  access: HubAccess = hubAccess(),
  more: readonly string[] = [],
): Promise<string> {
  if (isFolder(name)) {
    return isFolder(join(name, "models")) ? runModel(join(name, "models")) : name;
  }
  if (existsSync(name)) throw new Error(`${name} is a file; give the model's folder`);
  const resolve = (choose: (paths: string[]) => string[]) =>
    resolveHub({ kind: "model", name, choose }, access);
  // A model that cannot be used is refused before its weights are fetched.
  const configs = (paths: string[]) =>
    neededFiles(name, paths).filter((path) => CONFIGS.includes(path));
  const folder = openFolder(await resolve(configs));
  if ((await folder.list()).includes("config.json")) await loadConfig(folder);
  return await resolve((paths) => neededFiles(name, paths, more));
}

export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function runModel(models: string): string {
  const names = readdirSync(models).sort();
  if (names.length === 1) return join(models, names[0]);
  throw new Error(
    `${dirname(models)} is a run with ${names.length} models: name one of ${
      names.map((name) => join(models, name)).join(", ")
    }`,
  );
}

/** The files of a repository that reading its model needs, and `more`. Throws where no weights are safetensors. */
export function neededFiles(
  name: string,
  paths: readonly string[],
  more: readonly string[] = [],
): string[] {
  const single = paths.filter((path) => SINGLE.test(path));
  // The loader takes one file where there are both; the shards would be the same weights once more.
  const weights = single.length > 0 ? single : paths.filter((path) => SHARDS.test(path));
  if (weights.length === 0) throw new Error(noWeights(name, paths));
  const others = new Set([...NEEDED, ...more]);
  return [...paths.filter((path) => others.has(path)), ...weights];
}

function noWeights(name: string, paths: readonly string[]): string {
  const pickled = paths.find((path) => /\.(?:bin|pt|pth|ckpt)$/.test(path));
  const found = pickled
    ? `only pickled weights (${pickled}), which run code when they are read`
    : `no weights (only ${paths.slice(0, 5).join(", ") || "an empty listing"})`;
  return `${name} has ${found}, but model.safetensors or its shards are needed; take a revision ` +
    "that has them (organisation/name@revision) or save it anew with transformers' save_pretrained";
}
