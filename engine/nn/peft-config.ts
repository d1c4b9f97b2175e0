import { z } from "zod";
import { adapterOf } from "./adapter.ts";
import { type Folder, readJson } from "./bytes.ts";
import { moduleOf } from "./entries.ts";
import { architectureOf } from "./families/index.ts";
import { headAdapter } from "./head.ts";
import type { LoraConfig } from "./lora.ts";
import { type Model, SCORE_WEIGHT } from "./model.ts";

// The adapter_config.json of Hugging Face's PEFT.

export const ADAPTER_CONFIG = "adapter_config.json";

const modules = z.union([z.string(), z.array(z.string())]);
const rank = z.int().positive();

/** What an adapter is read by; PEFT's defaults for what is absent. */
const known = {
  peft_type: z.literal("LORA", "only LoRA adapters are supported"),
  task_type: z.enum(["CAUSAL_LM", "SEQ_CLS"]).nullish(),
  base_model_name_or_path: z.string().nullish(),
  revision: z.string().nullish(),
  r: rank.default(8),
  lora_alpha: z.number().default(8),
  lora_dropout: z.number().min(0).max(1).default(0),
  use_rslora: z.boolean().default(false),
  target_modules: modules,
  exclude_modules: modules.nullish(),
  modules_to_save: z.array(z.string()).nullish(),
  rank_pattern: z.record(z.string(), rank).default({}),
  alpha_pattern: z.record(z.string(), z.number()).default({}),
  // Other ways to start ("pissa", "olora", …) change the base's weights too.
  init_lora_weights: z.union([z.boolean(), z.enum(["gaussian", "orthogonal"])], {
    error: ({ input }) =>
      `${
        JSON.stringify(input)
      } may change the base, only true, false, "gaussian" and "orthogonal" are supported`,
  }).default(true),
  // PEFT itself sets it by the layer: true for GPT-2's Conv1D, false for all others. What it writes is that of the
  // last layer, the output head above all.
  fan_in_fan_out: z.boolean().default(false),
  bias: z.literal("none").default("none"),
};
const configSchema = z.looseObject(known);
export type AdapterJson = z.infer<typeof configSchema>;

/** Say nothing about the numbers that an adapter computes. */
const INERT = [
  "auto_mapping",
  "inference_mode",
  "megatron_core",
  "peft_version",
  "qalora_group_size",
  "runtime_config",
];

/** The model that an adapter folder was made for, as its config names it: a path or a hub name. */
export async function adapterBase(
  folder: Folder,
): Promise<{ name: string | null; revision: string | null }> {
  const { base_model_name_or_path, revision } = await readAdapterConfig(folder);
  return { name: base_model_name_or_path ?? null, revision: revision ?? null };
}

/** Reads adapter_config.json. Throws, naming it, on what is not supported: nothing is ignored. */
export async function readAdapterConfig(folder: Folder): Promise<AdapterJson> {
  const json = await readJson(folder, ADAPTER_CONFIG);
  const where = `${folder.name}/${ADAPTER_CONFIG}`;
  const result = configSchema.safeParse(json);
  if (!result.success) {
    throw new Error(`${where} is not supported: ${z.prettifyError(result.error)}`);
  }
  for (const [key, value] of Object.entries(result.data)) {
    if (key in known || INERT.includes(key) || isUnset(value)) continue;
    throw new Error(
      `${where}: "${key}" is ${
        JSON.stringify(value)
      }, which is not supported; merge the adapter with PEFT ` +
        "(merge_and_unload) and use the model that comes out",
    );
  }
  return result.data;
}

/** PEFT writes all its options, those that are not used with one of these values. */
function isUnset(value: unknown): boolean {
  return value === null || value === false ||
    (typeof value === "object" && Object.keys(value as object).length === 0);
}

export function loraConfigOf(json: AdapterJson): LoraConfig {
  return {
    rank: json.r,
    alpha: json.lora_alpha,
    rankStabilized: json.use_rslora,
    targets: json.target_modules,
    exclude: json.exclude_modules ?? [],
    rankPattern: json.rank_pattern,
    alphaPattern: json.alpha_pattern,
    dropout: json.lora_dropout,
  };
}

/** What `readAdapterConfig` and PEFT read. */
export function adapterConfigJson(model: Model, base: string | null): AdapterJson {
  const { lora, saved } = adapterOf(model);
  const head = headAdapter(model.config, model.parameters);
  const [, repository = base, revision = null] = /^([\w.-]+\/[\w.-]+)@(.+)$/.exec(base ?? "") ?? [];
  return {
    peft_type: "LORA",
    task_type: model.parameters.has(SCORE_WEIGHT) ? "SEQ_CLS" : "CAUSAL_LM",
    base_model_name_or_path: repository,
    revision,
    r: lora.rank,
    lora_alpha: lora.alpha,
    lora_dropout: lora.dropout,
    use_rslora: lora.rankStabilized,
    target_modules: lora.targets as string | string[],
    exclude_modules: lora.exclude.length ? lora.exclude as string | string[] : null,
    modules_to_save: saved.length ? [...new Set(saved.map(({ name }) => moduleOf(name)))] : null,
    rank_pattern: { ...lora.rankPattern },
    alpha_pattern: { ...lora.alphaPattern },
    init_lora_weights: true,
    fan_in_fan_out: architectureOf(model.config).inputFirst && !head,
    bias: "none",
    inference_mode: true,
  };
}
