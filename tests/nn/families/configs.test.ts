import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { configToJson, type ModelConfig, parseConfig } from "../../../engine/nn/config.ts";

const DOCS = readFileSync(new URL("../../../docs/models.md", import.meta.url), "utf8");

// config.json as it stands on the hub, in the form of transformers 4, and what it means.

const PYTHIA_70M = {
  architectures: ["GPTNeoXForCausalLM"],
  bos_token_id: 0,
  eos_token_id: 0,
  hidden_act: "gelu",
  hidden_size: 512,
  initializer_range: 0.02,
  intermediate_size: 2048,
  layer_norm_eps: 1e-05,
  max_position_embeddings: 2048,
  model_type: "gpt_neox",
  num_attention_heads: 8,
  num_hidden_layers: 6,
  rotary_emb_base: 10000,
  rotary_pct: 0.25,
  tie_word_embeddings: false,
  torch_dtype: "float16",
  transformers_version: "4.24.0",
  use_cache: true,
  use_parallel_residual: true,
  vocab_size: 50304,
};

const GPT2 = {
  activation_function: "gelu_new",
  architectures: ["GPT2LMHeadModel"],
  attn_pdrop: 0.1,
  bos_token_id: 50256,
  embd_pdrop: 0.1,
  eos_token_id: 50256,
  initializer_range: 0.02,
  layer_norm_epsilon: 1e-05,
  model_type: "gpt2",
  n_ctx: 1024,
  n_embd: 768,
  n_head: 12,
  n_layer: 12,
  n_positions: 1024,
  resid_pdrop: 0.1,
  summary_activation: null,
  vocab_size: 50257,
};

const QWEN2_5 = {
  architectures: ["Qwen2ForCausalLM"],
  attention_dropout: 0.0,
  bos_token_id: 151643,
  eos_token_id: 151645,
  hidden_act: "silu",
  hidden_size: 896,
  initializer_range: 0.02,
  intermediate_size: 4864,
  max_position_embeddings: 32768,
  max_window_layers: 21,
  model_type: "qwen2",
  num_attention_heads: 14,
  num_hidden_layers: 24,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-06,
  rope_theta: 1000000.0,
  sliding_window: 32768,
  tie_word_embeddings: true,
  torch_dtype: "bfloat16",
  use_cache: true,
  use_sliding_window: false,
  vocab_size: 151936,
};

const QWEN3 = {
  ...QWEN2_5,
  architectures: ["Qwen3ForCausalLM"],
  model_type: "qwen3",
  attention_bias: false,
  head_dim: 128,
  hidden_size: 1024,
  num_attention_heads: 16,
  num_key_value_heads: 8,
  sliding_window: null,
};

const LLAMA_3_2 = {
  architectures: ["LlamaForCausalLM"],
  attention_bias: false,
  bos_token_id: 128000,
  eos_token_id: [128001, 128008, 128009],
  head_dim: 64,
  hidden_act: "silu",
  hidden_size: 2048,
  intermediate_size: 8192,
  max_position_embeddings: 131072,
  mlp_bias: false,
  model_type: "llama",
  num_attention_heads: 32,
  num_hidden_layers: 16,
  num_key_value_heads: 8,
  pretraining_tp: 1,
  rms_norm_eps: 1e-05,
  rope_scaling: {
    factor: 32.0,
    high_freq_factor: 4.0,
    low_freq_factor: 1.0,
    original_max_position_embeddings: 8192,
    rope_type: "llama3",
  },
  rope_theta: 500000.0,
  tie_word_embeddings: true,
  torch_dtype: "bfloat16",
  vocab_size: 128256,
};

const meanings: [string, object, Partial<ModelConfig>][] = [
  ["Pythia", PYTHIA_70M, {
    family: "gpt_neox",
    headSize: 64,
    keyValueHeads: 8,
    activation: "gelu",
    rope: { theta: 10_000, fraction: 0.25, scaling: null },
    parallelResidual: true,
    attentionBias: true,
    mlpBias: true,
    tied: false,
    endTokens: [0],
  }],
  ["GPT-2", GPT2, {
    family: "gpt2",
    width: 768,
    headSize: 64,
    mlpWidth: 3072,
    context: 1024,
    activation: "gelu_new",
    rope: null,
    tied: true,
    endTokens: [50_256],
  }],
  ["Qwen2.5", QWEN2_5, {
    family: "qwen2",
    headSize: 64,
    keyValueHeads: 2,
    rope: { theta: 1e6, fraction: 1, scaling: null },
    attentionBias: true,
    mlpBias: false,
    tied: true,
  }],
  ["Qwen3", QWEN3, { family: "qwen3", headSize: 128, attentionBias: false }],
  ["Llama 3.2", LLAMA_3_2, {
    family: "llama",
    rope: {
      theta: 5e5,
      fraction: 1,
      scaling: {
        type: "llama3",
        factor: 32,
        lowFrequencyFactor: 1,
        highFrequencyFactor: 4,
        originalContext: 8192,
      },
    },
    endTokens: [128_001, 128_008, 128_009],
  }],
];

for (const [name, json, meaning] of meanings) {
  test(`${name}: what its config.json means, and the one written for it means the same`, () => {
    const config = parseConfig(json);
    expect(config).toMatchObject(meaning);
    const written = JSON.parse(JSON.stringify(configToJson(config)));
    expect(parseConfig(written)).toEqual(config);
    // Either transformers finds the rotary positions by its own fields alone.
    const { rope_parameters, ...four } = written;
    const { rope_theta: _, rope_scaling: __, rotary_pct: ___, rotary_emb_base: ____, ...five } =
      written;
    if (config.rope) expect(rope_parameters.rope_theta).toBe(config.rope.theta);
    expect(parseConfig(four).rope).toEqual(config.rope);
    expect(parseConfig(five).rope).toEqual(config.rope);
  });
}

test("transformers 5 names the dtype, the part that turns and its base otherwise", () => {
  const { rotary_pct: _, rotary_emb_base: __, torch_dtype: dtype, ...rest } = PYTHIA_70M;
  const rope_parameters = {
    rope_type: "default",
    rope_theta: 10_000,
    partial_rotary_factor: 0.25,
  };
  expect(parseConfig({ ...rest, dtype, rope_parameters })).toEqual(parseConfig(PYTHIA_70M));
  const linear = { rope_type: "linear", rope_theta: 5e4, factor: 2, partial_rotary_factor: 0.5 };
  expect(parseConfig({ ...rest, rope_parameters: linear }).rope)
    .toEqual({ theta: 5e4, fraction: 0.5, scaling: { type: "linear", factor: 2 } });
});

describe("refused by name", () => {
  const full = "full_attention", sliding = "sliding_attention";
  const cases: [string, object, object, string][] = [
    ["a mixture of experts", QWEN2_5, { model_type: "qwen2_moe" }, 'model_type "qwen2_moe"'],
    ["a sliding window", QWEN2_5, { use_sliding_window: true }, "use_sliding_window true"],
    ["some sliding layers", QWEN3, { layer_types: [full, sliding] }, '"sliding_attention"'],
    ["sliding layers of a Llama", LLAMA_3_2, { layer_types: [sliding] }, '"sliding_attention"'],
    [
      "another scale of the logits",
      LLAMA_3_2,
      { logit_scale: 2 },
      "logit_scale 2 is not supported",
    ],
    ["an encoder", GPT2, { is_encoder_decoder: true }, "is_encoder_decoder true is not supported"],
    ["an unknown activation", GPT2, { activation_function: "relu" }, '"relu" is not supported'],
    ["gelu in a gated MLP", QWEN3, { hidden_act: "gelu" }, 'hidden_act "gelu" is not supported'],
    ["silu in a plain MLP", PYTHIA_70M, { hidden_act: "silu" }, 'hidden_act "silu"'],
    ["cross attention", GPT2, { add_cross_attention: true }, "add_cross_attention true"],
    ["unscaled attention", GPT2, { scale_attn_weights: false }, "scale_attn_weights false"],
    [
      "attention scaled by layer",
      GPT2,
      { scale_attn_by_inverse_layer_idx: true },
      "scale_attn_by_inverse_layer_idx true is not supported, only false",
    ],
    ["quantized weights", LLAMA_3_2, { quantization_config: { bits: 4 } }, "quantized"],
    ["yarn", QWEN3, { rope_scaling: { rope_type: "yarn", factor: 4 } }, 'rope type "yarn"'],
    ["a classifier", GPT2, { architectures: ["GPT2ForSequenceClassification"] }, "architecture"],
    ["an odd part that turns", PYTHIA_70M, { rotary_pct: 0.02 }, "1 dimensions of each head"],
    ["a width heads do not divide", GPT2, { n_head: 11 }, "head size"],
    ["a head beyond the kernels", QWEN3, { head_dim: 512 }, "expected a whole number up to 256"],
  ];
  for (const [name, json, fields, reason] of cases) {
    test(name, () => expect(() => parseConfig({ ...json, ...fields })).toThrow(reason));
  }

  // An odd part that turns and heads that do not fit are mistakes, no missing feature.
  const mistakes = ["an odd part that turns", "a width heads do not divide", "silu in a plain MLP"];
  for (const [name, json, fields] of cases.filter(([name]) => !mistakes.includes(name))) {
    test(`${name}: with the message that docs/models.md has`, () => {
      let message = "";
      try {
        parseConfig({ ...json, ...fields });
      } catch (error) {
        ({ message } = error as Error);
      }
      expect(message).not.toBe("");
      expect(DOCS).toContain(message);
    });
  }
});
