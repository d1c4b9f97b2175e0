import { expect, test } from "bun:test";
import { boundTensors } from "../../engine/gpu/bindings.ts";
import type { Engine } from "../../engine/gpu/engine.ts";
import { adapterOf, loraModel } from "../../engine/nn/adapter.ts";
import { mergeAdapter } from "../../engine/nn/merge.ts";
import { bytesSource, type Folder } from "../../engine/nn/bytes.ts";
import { generate } from "../../engine/nn/generation.ts";
import {
  copyModel,
  loadModel,
  logits,
  logProbabilities,
  type Model,
  modelFiles,
  packPredictions,
} from "../../engine/nn/model.ts";
import { openSafetensors, type TensorEntry } from "../../engine/nn/safetensors.ts";
import { embedding } from "../../engine/ops/embedding.ts";
import { linear } from "../../engine/ops/matmul.ts";
import type { ModulePattern } from "../../engine/nn/module-pattern.ts";
import { Rehearsal } from "../../engine/rl/rehearsal.ts";
import { rowBlocks } from "../../engine/tensor/row-blocks.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { expectClose, randomNumbers } from "../support/compare.ts";
import { newEngine, testEngine } from "../support/engine.ts";
import { changedModel } from "../support/model-folder.ts";
import { oracle } from "../support/shared.ts";

const FILE = "model.safetensors";
const sequences = [[3, 5, 9, 4, 100], [7, 8, 11]];
const ranges = [[1, 5], [1, 3]] as const;
const { features } = await testEngine();

/** Without shader-f16 there is nothing to test but the refusal. */
const testHalf = test.if(features.half);

/** The folder of a model with its matrices rounded to f16, and how they are written. */
function rounded(name: string, dtype: "F16" | "F32" = "F16"): Promise<Folder> {
  const round = ({ shape, data, ...rest }: TensorEntry): TensorEntry => ({
    ...rest,
    shape,
    data: shape.length === 2 ? Float32Array.from(data, Math.f16round) : data,
    dtype: shape.length === 2 ? dtype : "F32",
  });
  return changedModel(name, FILE, (tensors) => tensors.map(round));
}

/** A model whose matrices f16 can hold, with them stored as `weights`. */
async function load(name: string, weights: "f16" | "f32", engine?: Engine): Promise<Model> {
  const options = { trainable: false, weights };
  return await loadModel(engine ?? await testEngine(), await rounded(name), options);
}

async function logitsOf(model: Model): Promise<Float32Array> {
  const { engine } = model.parameters;
  const batch = packPredictions(engine, sequences, ranges);
  return await engine.scope(() => logits(model, batch)).read();
}

/** Gradients of adapters with numbers in B, of the log-probabilities of some tokens. */
async function adapterGradients(
  base: Model,
  targets: ModulePattern = "all-linear",
): Promise<Float32Array[]> {
  const { engine } = base.parameters;
  const model = loraModel(base, { rank: 3, alpha: 6, targets }, 5);
  for (const { b } of adapterOf(model).adapters.values()) {
    engine.write(b, randomNumbers(b.size, 8, 0.1));
  }
  const { parameters } = model;
  engine.scope(() => {
    const tape = new Tape();
    parameters.watch(tape);
    parameters.clearGradients();
    const batch = packPredictions(engine, sequences, ranges);
    const { logProb } = engine.record(tape, () => logProbabilities(model, batch));
    tape.backward(logProb, engine.tensor(randomNumbers(logProb.size, 9)));
  });
  return await Promise.all(parameters.names.map((name) => parameters.gradient(name).read()));
}

for (const name of ["gpt2", "pythia", "llama-tied"]) {
  testHalf(
    `${name} computes with f16 what it does with f32 weights rounded to f16, to the bit`,
    async () => {
      const half = await load(name, "f16"), full = await load(name, "f32");
      expect(await logitsOf(half)).toEqual(await logitsOf(full));
      expect(await adapterGradients(half)).toEqual(await adapterGradients(full));
      const requests = sequences.map((context, episode) => ({ context, newTokens: 6, episode }));
      const options = { temperature: 1, seed: 4, endTokens: [] };
      expect(await generate(half, requests, options)).toEqual(
        await generate(full, requests, options),
      );
    },
  );
}

testHalf("a table that goes block by block does too", async () => {
  const engine = await newEngine({ bindingLimit: 24 * 1024 });
  const half = await load("llama-tied", "f16", engine), full = await load("llama-tied", "f32");
  const table = half.parameters.get("model.embed_tokens.weight");
  expect(rowBlocks(table).length).toBeGreaterThan(1);
  expect(await logitsOf(half)).toEqual(await logitsOf(full));
  const [found, expected] = [await adapterGradients(half), await adapterGradients(full)];
  for (const [i, gradient] of found.entries()) expectClose(gradient, expected[i], 1e-5); // two sums of blocks
  engine.destroy();
});

testHalf("an adapted head over a table stored as f16 does too", async () => {
  const half = await load("llama-tied", "f16"), full = await load("llama-tied", "f32");
  const targets = ["lm_head"];
  expect(await adapterGradients(half, targets)).toEqual(await adapterGradients(full, targets));
});

testHalf("kernels read every number of f16 as it is", async () => {
  const engine = await testEngine();
  const bits = Uint16Array.from({ length: 0x7c00 }, (_, i) => i);
  const tokens = engine.integers([...bits]);
  const values = await embedding(engine.tensor(bits, [bits.length, 1]), tokens).read();
  const normal = values.slice(0x400); // a GPU may read numbers below these as 0
  expect(normal).toEqual(normal.map(Math.f16round));
  expect(normal.every((value, i) => i === 0 || value > normal[i - 1])).toBe(true);
  expect([normal[0], normal.at(-1)]).toEqual([2 ** -14, 65504]);
});

testHalf("f16 is saved as it was read", async () => {
  const half = await load("llama-tied", "f16");
  const source = await (await rounded("llama-tied")).open(FILE);
  const written = (await modelFiles(half)).get(FILE)!;
  const [before, after] = await Promise.all(
    [source, bytesSource(FILE, written)].map(openSafetensors),
  );
  for (const name of before.names) {
    expect(after.tensor(name).dtype).toBe(before.tensor(name).dtype);
    expect(await after.tensor(name).toFloat32()).toEqual(await before.tensor(name).toFloat32());
  }
});

testHalf(
  "a weight beyond f16 is refused by name, one that rounds to its largest is not",
  async () => {
    const engine = await testEngine();
    const withLargest = (value: number) =>
      changedModel("llama-tied", FILE, (tensors) =>
        tensors.map((tensor) => {
          if (tensor.name === "model.embed_tokens.weight") tensor.data[3] = value;
          return tensor;
        }));
    const loadWith = async (value: number) =>
      await loadModel(engine, await withLargest(value), { trainable: false, weights: "f16" });
    await expect(loadWith(-70000)).rejects.toThrow(
      "tensor model.embed_tokens.weight holds -70000, and f16 goes to 65504; load it as f32",
    );
    const model = await loadWith(65519);
    expect((await model.parameters.get("model.embed_tokens.weight").read())[3]).toBe(65504);
  },
);

testHalf("what would train, overwrite or misread f16 is refused", async () => {
  const engine = await testEngine();
  const folder = openFolder(oracle("models/llama-tied"));
  await expect(loadModel(engine, folder, { weights: "f16" })).rejects.toThrow(
    'parameter "model.embed_tokens.weight" is stored as f16, and only f32 can be trained',
  );
  const half = await load("llama-tied", "f16");
  expect(() => copyModel(half)).toThrow("only f32 can be trained");
  const adapted = loraModel(half, { rank: 2, alpha: 2, targets: "all-linear" }, 1);
  expect(() => mergeAdapter(adapted)).toThrow("the base is stored as f16");
  const table = half.parameters.get("model.embed_tokens.weight");
  expect(() => engine.copy(table, engine.zeros(table.shape)))
    .toThrow("a tensor of f16 cannot be copied into one of f32");
  expect(() => engine.write(table, new Float32Array(table.size)))
    .toThrow("a tensor of f16 cannot be written from a Float32Array");
  const sizes = { rows: table.shape[0], columns: table.shape[1] };
  const bindings = { x: table, out: engine.zeros(table.shape) };
  expect(() => engine.launch("softmax", "forward", bindings, sizes, [1, 1, 1]))
    .toThrow("is stored as f16, and this kernel reads f32");
  expect(() => linear(table, table)).toThrow('buffer "a" of shape [512,64] is stored as f16');
  const bias = engine.tensor(new Uint16Array(512));
  expect(() => linear(engine.zeros([2, 64]), table, { bias }))
    .toThrow('buffer "bias" of shape [512] is stored as f16, and this kernel reads f32');
  const lookup = {
    table: engine.zeros([2, 2]),
    tokens: engine.integers([1]),
    out: engine.zeros([1, 2]),
  };
  const kernel = engine.kernels.get("embedding", "lookup", { HALF: 1 });
  expect(() => boundTensors(engine, kernel, { ...lookup, residual: lookup.tokens }))
    .toThrow('buffer "table" of shape [2,2] is stored as f32, and this kernel reads f16');
});

testHalf("matrices take half the memory, in storage and in a rehearsal", async () => {
  const half = await load("llama-tied", "f16"), full = await load("llama-tied", "f32");
  const matrices = full.parameters.entries.filter(({ shape }) => shape.length === 2);
  for (const { name } of matrices) {
    expect(half.parameters.get(name).bytes * 2).toBe(full.parameters.get(name).bytes);
  }
  const planned = async (model: Model) => {
    const rehearsal = new Rehearsal(model.parameters.engine);
    await rehearsal.run({ phase: "x", models: [rehearsal.model(model)], train: async () => {} });
    return rehearsal.phases[0].weights;
  };
  const saved = matrices.reduce((sum, { name }) => sum + half.parameters.get(name).bytes, 0);
  expect(await planned(full) - await planned(half)).toBe(saved);
});

test("an adapter that does not read f16 is told", async () => {
  const engine = await newEngine();
  Object.defineProperty(engine, "features", { value: { ...features, half: false } });
  const loading = loadModel(engine, openFolder(oracle("models/llama-tied")), {
    trainable: false,
    weights: "f16",
  });
  await expect(loading).rejects.toThrow(
    "weights stored as f16 need an adapter whose kernels read it",
  );
  engine.destroy();
});
