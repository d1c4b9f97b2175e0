import { z } from "zod";
import type { Architecture, Family, ModelConfig } from "../architecture.ts";
import {
  fromLlamaFields,
  llamaArchitecture,
  llamaFields,
  llamaOptions,
  toLlamaFields,
} from "./llama.ts";
import { checkSizes, expectOptions, size, tokenFields, tokensOf, validate } from "./schema.ts";

// Qwen2 and 2.5 (arXiv:2407.10671): Llama with biases on queries, keys and values. Qwen3 (arXiv:2505.09388):
// Llama with a norm of each head's queries and keys.

const qwenSchema = z.object({
  ...llamaFields,
  max_position_embeddings: size.default(32_768),
  ...tokenFields({ end: null, begin: null }),
});

const qwenOptions = { ...llamaOptions, use_sliding_window: [false], mlp_bias: [false] };

function parse(family: "qwen2" | "qwen3", json: unknown): ModelConfig {
  expectOptions(
    json,
    family === "qwen2" ? { ...qwenOptions, attention_bias: [true] } : qwenOptions,
  );
  const fields = validate(qwenSchema, json);
  return checkSizes({
    family,
    ...fromLlamaFields(fields),
    ...family === "qwen2" && { attentionBias: true },
    context: fields.max_position_embeddings,
    ...tokensOf(fields),
  });
}

const common = { prefix: "model.", buffers: /\.rotary_emb\.inv_freq$/, aliases: {} };

function withAttention(
  config: ModelConfig,
  attention: Partial<Architecture["attention"]>,
): Architecture {
  const architecture = llamaArchitecture(config);
  return { ...architecture, attention: { ...architecture.attention, ...attention } };
}

export const qwen2: Family = {
  name: "qwen2",
  className: "Qwen2ForCausalLM",
  ...common,
  parse: (json) => parse("qwen2", json),
  toJson: (config) => ({ ...toLlamaFields(config), use_sliding_window: false }),
  architecture: (config) => withAttention(config, { outputBias: false }),
};

export const qwen3: Family = {
  name: "qwen3",
  className: "Qwen3ForCausalLM",
  ...common,
  parse: (json) => parse("qwen3", json),
  toJson: (config) => ({
    ...toLlamaFields(config),
    attention_bias: config.attentionBias,
    use_sliding_window: false,
  }),
  architecture: (config) =>
    withAttention(config, { headNorms: { query: "self_attn.q_norm", key: "self_attn.k_norm" } }),
};
