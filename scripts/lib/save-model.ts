import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { type Model, modelFiles } from "../../engine/nn/model.ts";
import type { RunFolder } from "../host/run-folder.ts";
import { TOKENIZER_FILES } from "./model-folder.ts";

/**
 * Saves a model as a Hugging Face folder `models/<name>` of the run, with the base model's tokenizer and its
 * chat template, or the one in the file `chatTemplate`.
 */
export async function saveModel(
  folder: RunFolder,
  name: string,
  model: Model,
  base: string,
  chatTemplate?: string,
): Promise<void> {
  for (const [file, bytes] of await modelFiles(model)) {
    folder.write(join("models", name, file), bytes);
  }
  const copy = (source: string, file: string) => {
    if (existsSync(source)) copyFileSync(source, join(folder.path, "models", name, file));
  };
  for (const file of TOKENIZER_FILES) copy(join(base, file), file);
  if (chatTemplate !== undefined) copy(chatTemplate, "chat_template.jinja"); // goes before all others
}
