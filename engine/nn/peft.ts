import { adapterOf, emptyAdapter } from "./adapter.ts";
import type { Folder } from "./bytes.ts";
import type { LoraParameters } from "./lora.ts";
import { type Model, SCORE_BIAS } from "./model.ts";
import { ADAPTER_CONFIG, adapterConfigJson, loraConfig, readAdapterConfig } from "./peft-config.ts";
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
  const parameters = emptyAdapter(base, loraConfig(json), json.modules_to_save ?? [], trainable);
  try {
    await fill(parameters, file);
  } catch (error) {
    parameters.release();
    throw error;
  }
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

async function openAdapterWeights(folder: Folder): Promise<TensorFile> {
  if ((await folder.list()).includes(WEIGHTS)) {
    return await openSafetensors(await folder.open(WEIGHTS));
  }
  throw new Error(
    `${folder.name} holds no ${WEIGHTS}; save the adapter with PEFT's save_pretrained, which writes safetensors`,
  );
}

async function fill(parameters: LoraParameters, file: TensorFile): Promise<void> {
  const left = file.names.filter((name) => !parameters.names.some((own) => PREFIX + own === name));
  if (left.length) {
    throw new Error(
      `${file.name} holds tensors that its ${ADAPTER_CONFIG} and the base model have no place for: ` +
        left.slice(0, 4).join(", "),
    );
  }
  for (const { name, shape } of parameters.entries) {
    // Classifiers of transformers have no bias here: it stays 0.
    if (name === SCORE_BIAS && !file.has(PREFIX + name)) continue;
    const stored = file.tensor(PREFIX + name);
    if (stored.shape.join() !== shape.join()) {
      throw new Error(
        `${file.name}: ${stored.name} has shape [${
          stored.shape.join(", ")
        }], but ${ADAPTER_CONFIG} and the base model ` +
          `mean [${shape.join(", ")}]`,
      );
    }
    parameters.engine.write(parameters.get(name), await stored.toFloat32());
  }
  parameters.engine.flush();
}
