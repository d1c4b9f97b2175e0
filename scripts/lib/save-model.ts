import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { type Model, modelFiles } from "../../engine/nn/model.ts";
import { adapterFiles } from "../../engine/nn/peft.ts";
import { RunFolder } from "../host/run-folder.ts";
import { baseName } from "./adapters.ts";
import { type ModelSource, TOKENIZER_FILES } from "./model-folder.ts";

/** Saves a model as the folder `models/<name>` of the run; see `writeModel`. */
export async function saveModel(
  folder: RunFolder,
  name: string,
  model: Model,
  base: ModelSource,
): Promise<void> {
  await writeModel(join(folder.path, "models", name), model, base);
}

/**
 * Writes a model as a Hugging Face folder, with the tokenizer of the model or adapter at `base`. Adapters are
 * written as such, over the base that they share with what is at `base`.
 */
export async function writeModel(path: string, model: Model, base: ModelSource): Promise<void> {
  const folder = new RunFolder(path);
  const files = model.parameters.base
    ? await adapterFiles(model, await baseName(base))
    : await modelFiles(model);
  for (const [file, bytes] of files) folder.write(file, bytes);
  for (const file of TOKENIZER_FILES) {
    const source = join(base.path, file);
    if (existsSync(source)) copyFileSync(source, join(path, file));
  }
}
