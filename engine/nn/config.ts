import { z } from "zod";
import type { FamilyName, ModelConfig } from "./architecture.ts";
import { type Folder, readJson } from "./bytes.ts";
import { families } from "./families/index.ts";
import { endIds, refuseForeign, validate } from "./families/schema.ts";

export type { ModelConfig } from "./architecture.ts";

const generationSchema = z.object({ eos_token_id: endIds.nullish() });

/** Reads config.json and, where there is one, generation_config.json of a model folder. */
export async function loadConfig(folder: Folder): Promise<ModelConfig> {
  const files = await folder.list();
  const generation = files.includes("generation_config.json")
    ? await readJson(folder, "generation_config.json")
    : undefined;
  try {
    return parseConfig(await readJson(folder, "config.json"), generation);
  } catch (error) {
    throw new Error(`Cannot use ${folder.name}: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Reads the contents of config.json and, where there is one, generation_config.json, in the forms
 * of transformers 4 and 5. Throws on what is missing or wrong, and names what is not supported.
 */
export function parseConfig(json: unknown, generationJson: unknown = {}): ModelConfig {
  const family = supportedFamily(json);
  refuseForeign(json);
  const config = families[family].parse(json);
  const generation = validate(generationSchema, generationJson, "generation_config.json");
  const ends = [config.endTokens, generation.eos_token_id].flat().flatMap((id) => id ?? []);
  const endTokens = [...new Set(ends)];
  const outside = endTokens.find((id) => id >= config.vocabulary);
  if (outside !== undefined) {
    throw new Error(
      `generation_config.json: end token id ${outside} lies outside the vocabulary of ${config.vocabulary}`,
    );
  }
  return { ...config, endTokens };
}

/** The contents of a config.json that transformers 4 and 5 load. The weights are taken to be f32. */
export function configToJson(config: ModelConfig): Record<string, unknown> {
  const { name, className, toJson } = families[config.family];
  const { endTokens, beginToken, padToken } = config;
  return {
    architectures: [className],
    model_type: name,
    ...toJson(config),
    torch_dtype: "float32", // read by both
    eos_token_id: endTokens.length === 0 ? null : endTokens.length === 1 ? endTokens[0] : endTokens,
    bos_token_id: beginToken,
    pad_token_id: padToken,
  };
}

const kindSchema = z.looseObject({
  model_type: z.string(),
  architectures: z.array(z.string()).nullish(),
});

/** Refuses by name first, for a family's schema would only speak of missing fields. */
function supportedFamily(json: unknown): FamilyName {
  const { model_type, architectures, quantization_config } = validate(kindSchema, json);
  if (!Object.hasOwn(families, model_type)) {
    const known = Object.keys(families).map((name) => `"${name}"`).join(", ");
    throw new Error(`config.json: model_type "${model_type}" is not supported, only ${known}`);
  }
  const { name, className } = families[model_type as FamilyName];
  const other = architectures?.find((architecture) => architecture !== className);
  if (other !== undefined) {
    throw new Error(
      `config.json: architecture "${other}" is not supported, for "${name}" only "${className}"`,
    );
  }
  if (quantization_config) {
    throw new Error(
      "config.json: quantized weights are not supported; use the model's f32, f16 or bf16 form",
    );
  }
  return name;
}
