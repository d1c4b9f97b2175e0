import { expect, test } from "bun:test";
import { packBatch } from "../../engine/nn/batch.ts";
import { parseConfig } from "../../engine/nn/config.ts";
import { decodeStep, newCache, prefill } from "../../engine/nn/decoder.ts";
import {
  generate,
  type GenerationOptions,
  type GenerationRequest,
} from "../../engine/nn/generation.ts";
import { generationProgram } from "../../engine/nn/generation-program.ts";
import { headLogits } from "../../engine/nn/head.ts";
import { newModel } from "../../engine/nn/initialize.ts";
import type { Model } from "../../engine/nn/model.ts";
import type { RowProgram } from "../../engine/ops/row-program.ts";
import { sampleNext } from "../../engine/ops/sampling.ts";
import { Tensor } from "../../engine/tensor/tensor.ts";
import { randomIntegers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";

const engine = await testEngine();
const { software, subgroups } = engine.features;

const ends = { eos_token_id: 0, bos_token_id: 0 };
const gpt2 = {
  model_type: "gpt2",
  vocab_size: 92,
  n_layer: 2,
  n_positions: 48,
  n_embd: 32,
  ...ends,
};
const sizes = {
  vocab_size: 92,
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 52,
  max_position_embeddings: 48,
  ...ends,
};
const grouped = { ...sizes, num_key_value_heads: 2, rms_norm_eps: 1e-5 };

/** Models, and the launches of a step of theirs with the program. */
const models: [string, object, number][] = [
  ["gpt2", { ...gpt2, n_head: 4 }, 2],
  ["gpt2 with an untied head of odd size", {
    ...gpt2,
    n_head: 4,
    tie_word_embeddings: false,
    vocab_size: 90,
  }, 3],
  ["gpt2 with heads of 10, which go padded", { ...gpt2, n_embd: 40, n_head: 4 }, Infinity],
  ["llama", { ...grouped, model_type: "llama", head_dim: 8 }, 2],
  ["qwen2, with biases", { ...grouped, model_type: "qwen2" }, 2],
  ["qwen3, with norms of heads", { ...grouped, model_type: "qwen3", head_dim: 8 }, Infinity],
  ["neox", { ...sizes, model_type: "gpt_neox", rotary_pct: 0.5 }, 2],
];

/** What prompts and three steps after them give, and the launches of the last. */
async function decode(
  model: Model,
  rows: number,
  makeProgram: (rows: number) => RowProgram | null,
) {
  const { config, parameters } = model;
  const scope = engine.openScope();
  const prompts = Array.from({ length: rows }, (_, b) => [...randomIntegers(1 + b % 5, 80, b)]);
  const { cache, prefilled, program } = engine.within(scope, () => {
    const batch = packBatch(engine, prompts), cache = newCache(config, parameters, [rows, 12]);
    const prefilled = prefill(config, parameters, batch, cache);
    return { cache, prefilled, program: makeProgram(rows) };
  });
  const results: Float32Array[] = [await prefilled.read()];
  let launches = 0;
  for (let step = 0; step < 3; step++) {
    const out = engine.within(scope, () => {
      const tokens = engine.integers(randomIntegers(rows, 80, 50 + step));
      const positions = engine.integers(prompts.map(({ length }) => length + step));
      const sequences = engine.integers([...prompts.keys()]);
      const before = engine.counts.launches;
      const out = decodeStep(config, parameters, { tokens, positions, sequences, program }, cache);
      program?.launch();
      launches = engine.counts.launches - before;
      return out;
    });
    results.push(await out.read());
  }
  engine.close(scope);
  return { results, launches };
}

for (const [name, json, most] of models) {
  test.if(software && subgroups)(`${name}: a program gives the bits of the ops`, async () => {
    const model = newModel(engine, parseConfig(json), 5), { parameters } = model;
    for (const name of parameters.names) { // at their initial size the layers hardly matter
      const values = await parameters.get(name).read();
      engine.write(parameters.get(name), values.map((value) => value * 8));
    }
    for (const rows of [1, 9, 33]) {
      const plain = await decode(model, rows, () => null);
      const scope = engine.openScope();
      const ours = await decode(model, rows, (rows) => generationProgram(model, rows, scope));
      engine.close(scope);
      expect(ours.results).toEqual(plain.results);
      expect(ours.results.flatMap((values) => [...values]).some((value) => value !== 0)).toBe(true);
      expect(ours.launches).toBeLessThan(plain.launches);
      expect(ours.launches).toBeLessThanOrEqual(most);
    }
    parameters.release();
  }, 60_000);
}

/** What `generate` gives, by the ops, a step and a draw at a time. */
async function generateByOps(
  model: Model,
  requests: readonly GenerationRequest[],
  { temperature, seed, endTokens }: GenerationOptions,
) {
  const { config, parameters } = model, scope = engine.openScope(), rows = requests.length;
  const contexts = requests.map(({ context }) => context), capacity = 40;
  const steps = Math.max(...requests.map(({ newTokens }) => newTokens));
  const { tokens, logProbs, state } = engine.within(scope, () => {
    const before = requests.flatMap((
      { context, newTokens, episode },
    ) => [context.length, context.length + newTokens, 0, episode]);
    const next = engine.zeros([2, 64], "u32"), ends = engine.integers(endTokens);
    const tokens = engine.zeros([rows, capacity], "u32"), logProbs = engine.zeros([rows, capacity]);
    const state = engine.integers(before).view([rows, 4]);
    const cache = newCache(config, parameters, [rows, capacity]);
    const draw = (logits: Tensor) => {
      const buffers = { logits, tokens, logProbs, state, next, ends };
      sampleNext(buffers, { temperature, seed, topK: 0, topP: 1 });
    };
    const [ids, positions] = [0, 256]
      .map((offset) => new Tensor(engine, next.storage, offset, [rows], "u32"));
    const sequences = engine.integers([...requests.keys()]);
    const hidden = prefill(config, parameters, packBatch(engine, contexts), cache);
    draw(headLogits(config, parameters, hidden));
    for (let step = 1; step < steps; step++) {
      draw(decodeStep(config, parameters, { tokens: ids, positions, sequences }, cache));
    }
    return { tokens, logProbs, state };
  });
  const [ids, values, states] = await Promise.all(
    [tokens.readIntegers(), logProbs.read(), state.readIntegers()] as const,
  );
  engine.close(scope);
  return contexts.map(({ length }, b) => {
    const place = [b * capacity + length, b * capacity + states[4 * b]] as const;
    return { tokens: [...ids.slice(...place)], logProbs: values.slice(...place) };
  });
}

for (const [name, json, most] of models) {
  test.if(software && subgroups)(`${name}: whole steps draw the tokens of the ops`, async () => {
    const model = newModel(engine, parseConfig(json), 5), { parameters } = model;
    for (const name of parameters.names) {
      const values = await parameters.get(name).read();
      engine.write(parameters.get(name), values.map((value) => value * 4));
    }
    for (const rows of [1, 9, 33]) {
      const requests = Array.from({ length: rows }, (_, b) => ({
        context: [...randomIntegers(1 + b * 7 % 11, 80, b)],
        newTokens: 1 + (b + 1) * 13 % 29,
        episode: b,
      }));
      const options = { temperature: 1.5, seed: 3, endTokens: [5, 6, 7, 8] };
      const before = engine.counts.launches;
      const expected = await generateByOps(model, requests, options);
      const between = engine.counts.launches;
      const found = await generate(model, requests, options);
      const [byOps, ours] = [between - before, engine.counts.launches - between];
      if (most === 2) expect(ours).toBeLessThan(byOps / 3);
      expect(found.map(({ tokens, logProbs }) => ({ tokens, logProbs }))).toEqual(expected);
    }
    parameters.release();
  }, 60_000);
}

test.if(software && subgroups)(
  "whole steps draw the same where memory must be freed for them",
  async () => {
    const model = newModel(engine, parseConfig({ ...gpt2, n_head: 4 }), 5);
    const options = { temperature: 1.5, seed: 3, endTokens: [5] };
    for (const rows of [40, 41, 42, 43]) { // textures of another size each time
      const requests = Array.from({ length: rows }, (_, b) => ({
        context: [...randomIntegers(1 + b % 9, 80, b)],
        newTokens: 20,
        episode: b,
      }));
      const expected = await generateByOps(model, requests, options);
      engine.memoryLimit = engine.memory.held;
      try {
        const found = await generate(model, requests, options);
        expect(found.map(({ tokens, logProbs }) => ({ tokens, logProbs }))).toEqual(expected);
      } finally {
        engine.memoryLimit = Infinity;
      }
    }
    model.parameters.release();
  },
  60_000,
);

test("there is none where layers are large beside the rows", () => {
  const scope = engine.openScope();
  const of = (width: number, rows: number) => {
    const config = parseConfig({ ...gpt2, n_embd: width, n_head: 4 });
    const parameters = { engine, base: null, entries: [] };
    return generationProgram({ config, parameters } as unknown as Model, rows, scope);
  };
  const fits = software && subgroups;
  expect(of(64, 1) !== null).toBe(fits);
  expect(of(1024, 1)).toBeNull();
  expect(of(1024, 4)).toBeNull();
  engine.close(scope);
});
