import { describe, expect, test } from "bun:test";
import { configToJson, loadConfig, type ModelConfig, parseConfig } from "../../engine/nn/config.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { oracle } from "../support/shared.ts";
import { memoryFolder } from "../support/memory-folder.ts";

const MINIMAL = {
  model_type: "llama",
  vocab_size: 100,
  hidden_size: 32,
  intermediate_size: 80,
  num_hidden_layers: 2,
  num_attention_heads: 4,
};

test("the oracle models' configs, as transformers 5 writes them", async () => {
  const read = (name: string) => loadConfig(openFolder(oracle(`models/${name}`)));
  expect(await read("llama")).toEqual({
    family: "llama",
    vocabulary: 263,
    width: 48,
    layers: 2,
    heads: 4,
    keyValueHeads: 2,
    headSize: 12,
    mlpWidth: 128,
    context: 64,
    activation: "silu",
    normEpsilon: 1e-6,
    rope: { theta: 10000, fraction: 1, scaling: null },
    parallelResidual: false,
    tied: false,
    attentionBias: false,
    mlpBias: false,
    endTokens: [1],
    beginToken: 0,
    padToken: 2,
  });
  expect(await read("llama-tied")).toMatchObject({ vocabulary: 512, heads: 8, tied: true });
});

test("what is absent takes LlamaConfig's default", () => {
  expect(parseConfig(MINIMAL)).toEqual({
    family: "llama",
    vocabulary: 100,
    width: 32,
    layers: 2,
    heads: 4,
    keyValueHeads: 4,
    headSize: 8,
    mlpWidth: 80,
    context: 2048,
    activation: "silu",
    normEpsilon: 1e-6,
    rope: { theta: 10000, fraction: 1, scaling: null },
    parallelResidual: false,
    tied: false,
    attentionBias: false,
    mlpBias: false,
    endTokens: [2],
    beginToken: 1,
    padToken: null,
  });
});

test("rope_theta is read in the form of transformers 4 and of 5", () => {
  const theta = (fields: object) => parseConfig({ ...MINIMAL, ...fields }).rope!.theta;
  expect(theta({ rope_theta: 5e5, rope_scaling: null })).toBe(5e5);
  expect(theta({ rope_parameters: { rope_theta: 5e5, rope_type: "default" } })).toBe(5e5);
  expect(theta({ rope_theta: 5e5, rope_scaling: { type: "default" } })).toBe(5e5);
});

test("end tokens come from both files, the model's own first", () => {
  const ends = (model: unknown, generation?: unknown) =>
    parseConfig(
      { ...MINIMAL, eos_token_id: model },
      generation === undefined ? undefined : { eos_token_id: generation },
    ).endTokens;
  expect(ends(7)).toEqual([7]);
  expect(ends([7, 8])).toEqual([7, 8]);
  expect(ends(7, [8, 7, 9])).toEqual([7, 8, 9]);
  expect(ends(null, 5)).toEqual([5]);
  expect(ends(null)).toEqual([]);
});

test("a folder's generation config is read, and errors name the folder", async () => {
  const folder = (files: Record<string, unknown>) =>
    memoryFolder(
      "model",
      new Map(
        Object.entries(files).map(([name, json]) => [
          name,
          new TextEncoder().encode(JSON.stringify(json)),
        ]),
      ),
    );
  const both = { "config.json": MINIMAL, "generation_config.json": { eos_token_id: [2, 9] } };
  expect((await loadConfig(folder(both))).endTokens).toEqual([2, 9]);
  await expect(loadConfig(folder({ "config.json": {} }))).rejects.toThrow("Cannot use model: ");
  await expect(loadConfig(folder({}))).rejects.toThrow("model holds no config.json");
});

describe("refused, with the reason", () => {
  const cases: [string, object, string][] = [
    ["another family", { model_type: "mistral" }, 'model_type "mistral" is not supported'],
    [
      "another head",
      { architectures: ["LlamaForSequenceClassification"] },
      'architecture "LlamaForSequenceClassification" is not supported',
    ],
    ["rope scaling without its factor", { rope_scaling: { type: "linear" } }, '"linear" lacks'],
    ["half of llama3", { rope_scaling: { rope_type: "llama3", factor: 8 } }, "low_freq_factor"],
    [
      "llama3 factors in the wrong order",
      {
        rope_scaling: {
          rope_type: "llama3",
          factor: 8,
          low_freq_factor: 4,
          high_freq_factor: 1,
          original_max_position_embeddings: 64,
        },
      },
      "high_freq_factor 1 must be above low_freq_factor 4",
    ],
    ["dynamic rope of 4", { rope_scaling: { type: "dynamic", factor: 2 } }, '"dynamic"'],
    [
      "rope of 4 beside another of 5",
      { rope_scaling: { type: "dynamic", factor: 2 }, rope_parameters: { rope_type: "default" } },
      "rope_scaling and rope_parameters differ in type, factor",
    ],
    ["scaled rope of 5", { rope_parameters: { rope_type: "yarn" } }, 'rope type "yarn"'],
    ["partial rope", { partial_rotary_factor: 0.5 }, "partial_rotary_factor 0.5"],
    ["quantized weights", { quantization_config: { bits: 4 } }, "quantized"],
    ["another activation", { hidden_act: "gelu" }, 'hidden_act "gelu" is not'],
    ["a missing size", { hidden_size: undefined }, "hidden_size"],
    ["a fractional size", { num_hidden_layers: 1.5 }, "num_hidden_layers"],
    ["heads that do not share evenly", { num_key_value_heads: 3 }, "not a multiple of 3"],
    ["an odd head", { head_dim: 7 }, "head size"],
    ["a width that heads do not divide", { hidden_size: 30 }, "head size"],
    ["an end token beyond the vocabulary", { eos_token_id: [2, 100] }, "token id 100"],
  ];
  for (const [name, fields, reason] of cases) {
    test(name, () => {
      expect(() => parseConfig({ ...MINIMAL, ...fields })).toThrow(reason);
    });
  }
  test("no object", () => expect(() => parseConfig(null)).toThrow("config.json is not valid"));
  test("a generation config of the wrong form", () => {
    expect(() => parseConfig(MINIMAL, { eos_token_id: "</s>" })).toThrow("generation_config.json");
  });
});

test("padding -1, as old configs have it, is none", () => {
  expect(parseConfig({ ...MINIMAL, pad_token_id: -1 }).padToken).toBeNull();
});

test("what is written is read again", () => {
  const config: ModelConfig = {
    ...parseConfig(MINIMAL),
    keyValueHeads: 2,
    headSize: 6,
    rope: { theta: 5e5, fraction: 1, scaling: null },
    tied: true,
    attentionBias: true,
    mlpBias: true,
    padToken: 3,
  };
  for (const endTokens of [[], [7], [7, 8]]) {
    const changed = { ...config, endTokens };
    expect(parseConfig(JSON.parse(JSON.stringify(configToJson(changed))))).toEqual(changed);
  }
});
