import { beforeAll, expect, test } from "bun:test";
import type { Engine } from "../../engine/gpu/engine.ts";
import type { ModelConfig } from "../../engine/nn/architecture.ts";
import { packBatch } from "../../engine/nn/batch.ts";
import { parseConfig } from "../../engine/nn/config.ts";
import { newModel } from "../../engine/nn/initialize.ts";
import { logits, logProbabilities, type Model, packPredictions } from "../../engine/nn/model.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { randomIntegers, relativeError } from "../support/compare.ts";
import { decodingError } from "../support/decoding.ts";
import { testEngine } from "../support/engine.ts";

// The oracle models hold the decoder to PyTorch (families.test.ts); these have parts that none of them has.

let engine: Engine;
beforeAll(async () => {
  engine = await testEngine();
});

/** A model of random weights with parts that no oracle model has. */
function variant(json: object): Model {
  return newModel(engine, parseConfig(json), 5);
}

const GPT2 = { model_type: "gpt2", vocab_size: 90, n_layer: 2, n_positions: 48 };
const NEOX = {
  model_type: "gpt_neox",
  vocab_size: 90,
  hidden_size: 40,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 64,
};
const ends = { eos_token_id: 0, bos_token_id: 0 };
const variants: [string, object][] = [
  ["heads of 10", { ...GPT2, ...ends, n_embd: 40, n_head: 4 }],
  ["an untied head", { ...GPT2, ...ends, n_embd: 24, n_head: 2, tie_word_embeddings: false }],
  ["residuals one after the other", { ...NEOX, use_parallel_residual: false, rotary_pct: 0.4 }],
  ["no biases, llama3 scaling", {
    ...NEOX,
    attention_bias: false,
    rotary_pct: 1,
    rope_scaling: {
      rope_type: "llama3",
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 64,
    },
  }],
];

for (const [what, json] of variants) {
  test(`${what}: decoding is the training forward, and gradients are its slopes`, async () => {
    const model = variant(json);
    const { config, parameters } = model;
    // At their initial size the layers hardly matter, and biases are 0.
    for (const name of parameters.names) {
      const factor = parameters.get(name).shape.length === 2 ? 8 : 1;
      const values = await parameters.get(name).read();
      engine.write(parameters.get(name), values.map((x, i) => factor * x + 0.1 * Math.sin(i)));
    }
    expect(await decodingError(model)).toBeLessThan(5e-5);
    expect(await slopeError(model, config)).toBeLessThan(1e-3);
    parameters.release();
  });
}

/**
 * The relative difference between the loss's change along its gradient and the gradient's square, over all
 * weights at once: a central difference.
 */
async function slopeError(model: Model, { vocabulary }: ModelConfig): Promise<number> {
  const { parameters } = model;
  const sequences = [13, 4].map((length, b) => randomIntegers(length, vocabulary, 40 + b));
  const batch = packPredictions(engine, sequences, sequences.map(({ length }) => [1, length]));
  const loss = async () => {
    const values = await engine.scope(() => logProbabilities(model, batch).logProb).read();
    return -values.reduce((sum, value) => sum + value, 0);
  };
  parameters.clearGradients();
  engine.scope(() => {
    const tape = new Tape();
    parameters.watch(tape);
    const { logProb } = engine.record(tape, () => logProbabilities(model, batch));
    tape.backward(logProb, engine.tensor(new Float32Array(batch.predictions).fill(-1)));
  });
  const weights = new Map<string, [Float32Array, Float32Array]>();
  let square = 0;
  for (const name of parameters.names) {
    const pair = [parameters.get(name), parameters.gradient(name)].map((tensor) => tensor.read());
    const [values, gradient] = await Promise.all(pair);
    weights.set(name, [values, gradient]);
    square += gradient.reduce((sum, value) => sum + value ** 2, 0);
  }
  const step = 3e-3 / Math.sqrt(square);
  const at = async (offset: number) => {
    for (const [name, [values, gradient]] of weights) {
      engine.write(parameters.get(name), values.map((x, i) => x + offset * gradient[i]));
    }
    return await loss();
  };
  const slope = (await at(step) - await at(-step)) / (2 * step);
  return relativeError([slope], [square]);
}

test("a sequence beyond the learned positions is refused", () => {
  const model = variant({ ...GPT2, ...ends, n_embd: 24, n_head: 2 });
  const batch = packBatch(engine, [new Uint32Array(49)]);
  expect(() => logits(model, batch)).toThrow(
    "has 49 tokens, but this gpt2 model knows 48 positions",
  );
  model.parameters.release();
});

test("a token beyond the vocabulary is refused", () => {
  const model = variant({ ...GPT2, ...ends, n_embd: 24, n_head: 2 });
  const { vocabulary } = model.config, known = vocabulary - 1;
  for (const id of [vocabulary, -1]) {
    const batch = packBatch(engine, [[known, 0], [3, known, id, 4]]);
    expect(() => logits(model, batch)).toThrow(
      `token 2 of sequence 1 is ${id}, but the model's vocabulary is 0 … ${known}`,
    );
  }
  model.parameters.release();
});
