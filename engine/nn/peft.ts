import { adapterLayout, adapterOf } from "./adapter.ts";
import type { Folder } from "./bytes.ts";
import { fill, findTensors, isSame, SCORE_BIAS } from "./checkpoint.ts";
import { headNames, headWeightName } from "./head.ts";
import { LoraParameters } from "./lora.ts";
import type { Model } from "./model.ts";
import {
  ADAPTER_CONFIG,
  adapterConfigJson,
  loraConfigOf,
  readAdapterConfig,
} from "./peft-config.ts";
import { openSafetensors, type TensorFile, writeSafetensors } from "./safetensors.ts";

// An adapter folder as Hugging Face's PEFT reads and writes it.

const WEIGHTS = "adapter_model.safetensors";
/** Stands before the name of every tensor: PEFT's two wrappers around the model. */
const PREFIX = "base_model.model.";

/** Whether a folder holds an adapter and not a model. */
export async function isAdapter(folder: Folder): Promise<boolean> {
  return (await folder.list()).includes(ADAPTER_CONFIG);
}

/**
 * Reads an adapter in PEFT's layout over `base`, whose weights it shares. Throws, naming it, on an option that is
 * not supported and on a tensor that is missing, left over or of another shape than the config says.
 */
export async function loadAdapter(
  base: Model,
  folder: Folder,
  { trainable = true } = {},
): Promise<Model> {
  const json = await readAdapterConfig(folder);
  const file = await openAdapterWeights(folder);
  const lora = loraConfigOf(json);
  const entries = adapterLayout(base, lora, json.modules_to_save ?? []);
  // Classifiers of transformers have no bias in their head: it stays 0.
  const wanted = entries.filter(({ name }) => name !== SCORE_BIAS || file.has(PREFIX + name));
  const frozen = headNames(base.config).map((name) => `${PREFIX}${name}.base_layer.weight`);
  const stored = findTensors(file, wanted, {
    by: `${ADAPTER_CONFIG} over the base model`,
    stored: (name) => PREFIX + name,
    isSpare: (name) => frozen.includes(name),
  });
  for (const name of frozen) if (file.has(name)) await expectHead(base, file, name);
  const parameters = new LoraParameters(base.parameters, lora, entries, trainable);
  await fill(parameters, stored);
  return { config: base.config, parameters };
}

/**
 * The files of a PEFT adapter folder (f32). A scalar head's bias, which transformers' classifiers lack, is stored too.
 * @param base path or hub name of the base model, for whoever loads the adapter
 */
export async function adapterFiles(
  model: Model,
  base: string | null,
): Promise<Map<string, Uint8Array>> {
  const parameters = adapterOf(model);
  const entries = [];
  for (const { name, shape } of parameters.entries) {
    entries.push({ name: PREFIX + name, shape, data: await parameters.get(name).read() });
  }
  const json = JSON.stringify(adapterConfigJson(model, base), null, 2) + "\n";
  return new Map([
    [ADAPTER_CONFIG, new TextEncoder().encode(json)],
    [WEIGHTS, writeSafetensors(entries, { format: "pt" })],
  ]);
}

/** PEFT writes the weights under an adapted head too, and would put them in the base's place. */
async function expectHead(
  { config, parameters }: Model,
  file: TensorFile,
  name: string,
): Promise<void> {
  const own = headWeightName(config);
  if (await isSame(file.tensor(name), parameters.get(own))) return;
  throw new Error(
    `${file.name}: ${name} is not the base model's ${own}; take the base that the adapter was trained over, merge ` +
      "the adapter with PEFT (merge_and_unload), or, if that base was only rounded, save the adapter with " +
      "save_pretrained(…, save_embedding_layers=False)",
  );
}

async function openAdapterWeights(folder: Folder): Promise<TensorFile> {
  if ((await folder.list()).includes(WEIGHTS)) {
    return await openSafetensors(await folder.open(WEIGHTS));
  }
  throw new Error(
    `${folder.name} holds no ${WEIGHTS}; save the adapter with PEFT's save_pretrained, which writes safetensors`,
  );
}
