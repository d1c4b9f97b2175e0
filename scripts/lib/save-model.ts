import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { type Model, modelFiles } from "../../engine/nn/model.ts";
import type { RunFolder } from "../host/run-folder.ts";
import { TOKENIZER_FILES } from "./model-folder.ts";

/** Saves a model as a Hugging Face folder `models/<name>` of the run, with the base model's tokenizer. */
export async function saveModel(
  folder: RunFolder,
  name: string,
  model: Model,
  base: string,
): Promise<void> {
  for (const [file, bytes] of await modelFiles(model)) {
    folder.write(join("models", name, file), bytes);
  }
  for (const file of TOKENIZER_FILES) {
    const source = join(base, file);
    if (existsSync(source)) copyFileSync(source, join(folder.path, "models", name, file));
  }
}
