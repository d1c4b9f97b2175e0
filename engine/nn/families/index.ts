import type { Architecture, Family, FamilyName, ModelConfig } from "../architecture.ts";
import { gpt2 } from "./gpt2.ts";
import { llama } from "./llama.ts";
import { neox } from "./neox.ts";
import { qwen2, qwen3 } from "./qwen.ts";

/** All families, by the `model_type` of config.json. */
export const families: Readonly<Record<FamilyName, Family>> = {
  gpt2,
  gpt_neox: neox,
  llama,
  qwen2,
  qwen3,
};

/** What a model is made of. */
export function architectureOf(config: ModelConfig): Architecture {
  return families[config.family].architecture(config);
}
