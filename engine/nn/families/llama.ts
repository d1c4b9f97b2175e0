import { z } from "zod";
import type { Architecture, Family, ModelConfig } from "../architecture.ts";
import { parseRope, ropeFields, ropeToJson } from "../rope.ts";
import {
  checkSizes,
  expectOptions,
  positive,
  size,
  tokenFields,
  tokensOf,
  validate,
} from "./schema.ts";

// Llama (Touvron et al. 2023, arXiv:2302.13971), and what Qwen shares with it.

/** The fields of config.json that Llama and Qwen have in common, with the defaults they share. */
export const llamaFields = {
  vocab_size: size,
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  num_key_value_heads: size.nullish(),
  head_dim: size.nullish(),
  rms_norm_eps: positive.default(1e-6),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  ...ropeFields,
};

const llamaSchema = z.object({
  ...llamaFields,
  max_position_embeddings: size.default(2048),
  ...tokenFields({ end: 2, begin: 1 }),
});

/** The part of a config that comes from the common fields. */
export function fromLlamaFields(fields: z.infer<z.ZodObject<typeof llamaFields>>) {
  return {
    vocabulary: fields.vocab_size,
    width: fields.hidden_size,
    layers: fields.num_hidden_layers,
    heads: fields.num_attention_heads,
    keyValueHeads: fields.num_key_value_heads ?? fields.num_attention_heads,
    headSize: fields.head_dim ?? fields.hidden_size / fields.num_attention_heads,
    mlpWidth: fields.intermediate_size,
    activation: "silu",
    normEpsilon: fields.rms_norm_eps,
    rope: parseRope(fields, { theta: 10_000, fraction: 1 }),
    parallelResidual: false,
    tied: fields.tie_word_embeddings,
    attentionBias: fields.attention_bias,
    mlpBias: fields.mlp_bias,
  } as const;
}

/** The common fields of a config.json that transformers 4 and 5 load. */
export function toLlamaFields(config: ModelConfig): Record<string, unknown> {
  return {
    vocab_size: config.vocabulary,
    hidden_size: config.width,
    intermediate_size: config.mlpWidth,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.keyValueHeads,
    head_dim: config.headSize,
    max_position_embeddings: config.context,
    rms_norm_eps: config.normEpsilon,
    hidden_act: config.activation,
    tie_word_embeddings: config.tied,
    ...ropeToJson(config.rope!),
  };
}

/** What Llama's config.json may say of things that are computed in one way here. */
export const llamaOptions = { hidden_act: ["silu"], partial_rotary_factor: [1, null] };

export function llamaArchitecture({ attentionBias }: ModelConfig): Architecture {
  return {
    inputFirst: false,
    norm: "rms",
    tokens: "model.embed_tokens",
    positions: null,
    layers: "model.layers",
    attentionNorm: "input_layernorm",
    attention: {
      input: {
        fused: false,
        query: "self_attn.q_proj",
        key: "self_attn.k_proj",
        value: "self_attn.v_proj",
      },
      inputBias: attentionBias,
      headNorms: null,
      output: "self_attn.o_proj",
      outputBias: attentionBias,
    },
    mlpNorm: "post_attention_layernorm",
    mlp: { gate: "mlp.gate_proj", up: "mlp.up_proj", down: "mlp.down_proj" },
    finalNorm: "model.norm",
    head: "lm_head",
  };
}

export const llama: Family = {
  name: "llama",
  className: "LlamaForCausalLM",
  prefix: "model.",
  buffers: /\.rotary_emb\.inv_freq$/,
  aliases: {},
  parse(json) {
    expectOptions(json, llamaOptions);
    const fields = validate(llamaSchema, json);
    return checkSizes({
      family: "llama",
      ...fromLlamaFields(fields),
      context: fields.max_position_embeddings,
      ...tokensOf(fields),
    });
  },
  toJson: (config) => ({
    ...toLlamaFields(config),
    attention_bias: config.attentionBias,
    mlp_bias: config.mlpBias,
  }),
  architecture: llamaArchitecture,
};
