import { statSync } from "node:fs";
import { type HubAccess, hubAccess } from "../host/hub/access.ts";
import { resolveHub } from "../host/hub.ts";

/** What reading a model needs of its repository; all of it stands at the top. */
const NEEDED = [
  /^(?:config|generation_config|adapter_config)\.json$/,
  /^(?:tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab)\.json$/,
  /^merges\.txt$/,
  /^chat_template\.(?:jinja|json)$/,
];
const SINGLE = /^(?:adapter_)?model\.safetensors$/;
const SHARDS = /^model(?:-\d+-of-\d+\.safetensors|\.safetensors\.index\.json)$/;

/** The folder of a model: `name` itself where it is one, else a model of the hub, downloaded where the cache lacks it. */
export async function modelFolder(name: string, access: HubAccess = hubAccess()): Promise<string> {
  if (statSync(name, { throwIfNoEntry: false })?.isDirectory()) return name;
  const choose = (paths: string[]) => modelFiles(name, paths);
  return await resolveHub({ kind: "model", name, choose }, access);
}

/** The files to download of a model. Throws where it has no weights in safetensors. */
export function modelFiles(name: string, paths: readonly string[]): string[] {
  const single = paths.filter((path) => SINGLE.test(path));
  // The loader takes one file where there are both; the shards would be the same weights once more.
  const weights = single.length > 0 ? single : paths.filter((path) => SHARDS.test(path));
  if (weights.length === 0) throw new Error(noWeights(name, paths));
  return [...paths.filter((path) => NEEDED.some((form) => form.test(path))), ...weights];
}

function noWeights(name: string, paths: readonly string[]): string {
  const pickled = paths.filter((path) => /\.(?:bin|pt|pth|ckpt)$/.test(path) && /model/.test(path));
  const found = pickled.length > 0
    ? `only pickled weights (${pickled[0]}), which run code when they are read`
    : `no weights (${paths.slice(0, 5).join(", ") || "it is empty"})`;
  return `${name} has ${found}, but model.safetensors or its shards are needed; take a revision ` +
    "that has them (organisation/name@revision) or save it anew with transformers' save_pretrained";
}
