import { z } from "zod";
import type { Family } from "../architecture.ts";
import {
  checkSizes,
  expectOptions,
  positive,
  size,
  tokenFields,
  tokensOf,
  validate,
} from "./schema.ts";

// GPT-2 (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners").

const schema = z.object({
  vocab_size: size,
  n_positions: size,
  n_embd: size,
  n_layer: size,
  n_head: size,
  n_inner: size.nullish(),
  activation_function: z.enum(["gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh"])
    .default("gelu_new"),
  layer_norm_epsilon: positive.default(1e-5),
  tie_word_embeddings: z.boolean().default(true),
  ...tokenFields({ end: 50_256, begin: 50_256 }),
});

const options = {
  activation_function: schema.shape.activation_function.unwrap().options,
  add_cross_attention: [false],
  scale_attn_weights: [true],
  scale_attn_by_inverse_layer_idx: [false],
};

export const gpt2: Family = {
  name: "gpt2",
  className: "GPT2LMHeadModel",
  prefix: "transformer.",
  buffers: /\.attn\.(bias|masked_bias)$/,
  aliases: {},
  parse(json) {
    expectOptions(json, options);
    const fields = validate(schema, json);
    return checkSizes({
      family: "gpt2",
      vocabulary: fields.vocab_size,
      width: fields.n_embd,
      layers: fields.n_layer,
      heads: fields.n_head,
      keyValueHeads: fields.n_head,
      headSize: fields.n_embd / fields.n_head,
      mlpWidth: fields.n_inner ?? 4 * fields.n_embd,
      context: fields.n_positions,
      activation: fields.activation_function,
      normEpsilon: fields.layer_norm_epsilon,
      rope: null,
      parallelResidual: false,
      tied: fields.tie_word_embeddings,
      attentionBias: true,
      mlpBias: true,
      ...tokensOf(fields),
    });
  },
  toJson: (config) => ({
    vocab_size: config.vocabulary,
    n_positions: config.context,
    n_embd: config.width,
    n_layer: config.layers,
    n_head: config.heads,
    n_inner: config.mlpWidth,
    activation_function: config.activation,
    layer_norm_epsilon: config.normEpsilon,
    tie_word_embeddings: config.tied,
  }),
  architecture: () => ({
    inputFirst: true,
    norm: "layer",
    tokens: "transformer.wte",
    positions: "transformer.wpe",
    layers: "transformer.h",
    attentionNorm: "ln_1",
    attention: {
      input: { fused: true, name: "attn.c_attn", order: "blocks" },
      inputBias: true,
      headNorms: null,
      output: "attn.c_proj",
      outputBias: true,
    },
    mlpNorm: "ln_2",
    mlp: { gate: null, up: "mlp.c_fc", down: "mlp.c_proj" },
    finalNorm: "transformer.ln_f",
    head: "lm_head",
  }),
};
