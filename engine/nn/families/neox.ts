import { z } from "zod";
import type { Family } from "../architecture.ts";
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

// GPT-NeoX (Black et al. 2022, arXiv:2204.06745), the architecture of Pythia (arXiv:2304.01373).

const schema = z.object({
  vocab_size: size,
  hidden_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  intermediate_size: size,
  max_position_embeddings: size.default(2048),
  hidden_act: z.enum(["gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh"]).default("gelu"),
  layer_norm_eps: positive.default(1e-5),
  use_parallel_residual: z.boolean().default(true),
  attention_bias: z.boolean().default(true),
  tie_word_embeddings: z.boolean().default(false),
  ...ropeFields,
  rotary_pct: positive.max(1).default(0.25), // transformers 4
  rotary_emb_base: positive.default(10_000), // transformers 4
  ...tokenFields({ end: 2, begin: 0 }),
});

export const neox: Family = {
  name: "gpt_neox",
  className: "GPTNeoXForCausalLM",
  prefix: "gpt_neox.",
  buffers: /\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)$/,
  aliases: { "lm_head.weight": "embed_out.weight" },
  parse(json) {
    expectOptions(json, { hidden_act: schema.shape.hidden_act.unwrap().options });
    const fields = validate(schema, json);
    return checkSizes({
      family: "gpt_neox",
      vocabulary: fields.vocab_size,
      width: fields.hidden_size,
      layers: fields.num_hidden_layers,
      heads: fields.num_attention_heads,
      keyValueHeads: fields.num_attention_heads,
      headSize: fields.hidden_size / fields.num_attention_heads,
      mlpWidth: fields.intermediate_size,
      context: fields.max_position_embeddings,
      activation: fields.hidden_act,
      normEpsilon: fields.layer_norm_eps,
      rope: parseRope(fields, { theta: fields.rotary_emb_base, fraction: fields.rotary_pct }),
      parallelResidual: fields.use_parallel_residual,
      tied: fields.tie_word_embeddings,
      attentionBias: fields.attention_bias,
      mlpBias: true,
      ...tokensOf(fields),
    });
  },
  toJson: (config) => ({
    vocab_size: config.vocabulary,
    hidden_size: config.width,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    intermediate_size: config.mlpWidth,
    max_position_embeddings: config.context,
    hidden_act: config.activation,
    layer_norm_eps: config.normEpsilon,
    use_parallel_residual: config.parallelResidual,
    attention_bias: config.attentionBias,
    tie_word_embeddings: config.tied,
    rotary_pct: config.rope!.fraction,
    rotary_emb_base: config.rope!.theta,
    ...ropeToJson(config.rope!),
  }),
  architecture: ({ attentionBias }) => ({
    inputFirst: false,
    norm: "layer",
    tokens: "gpt_neox.embed_in",
    positions: null,
    layers: "gpt_neox.layers",
    attentionNorm: "input_layernorm",
    attention: {
      input: { fused: true, name: "attention.query_key_value", order: "heads" },
      inputBias: attentionBias,
      headNorms: null,
      output: "attention.dense",
      outputBias: attentionBias,
    },
    mlpNorm: "post_attention_layernorm",
    mlp: { gate: null, up: "mlp.dense_h_to_4h", down: "mlp.dense_4h_to_h" },
    finalNorm: "gpt_neox.final_layer_norm",
    head: "embed_out",
  }),
};
