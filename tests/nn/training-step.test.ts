import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import type { Engine } from "../../engine/gpu/engine.ts";
import type { ModelConfig } from "../../engine/nn/config.ts";
import { decoderEntries } from "../../engine/nn/entries.ts";
import { loadModel, logProbabilities, type Model, packPredictions } from "../../engine/nn/model.ts";
import { AdamW } from "../../engine/nn/optimizer.ts";
import { Parameters } from "../../engine/tensor/parameters.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { randomIntegers } from "../support/compare.ts";
import { newEngine } from "../support/engine.ts";

/** One step on the next-token loss of B random sequences of T tokens. */
function trainingStep(model: Model, optimizer: AdamW, [B, T]: [number, number], seed: number) {
  const { config: { vocabulary }, parameters } = model;
  const { engine } = parameters;
  const sequences = Array.from(
    { length: B },
    (_, b) => randomIntegers(T, vocabulary, 100 * seed + b),
  );
  engine.scope(() => {
    const batch = packPredictions(engine, sequences, sequences.map(() => [1, T]));
    const tape = new Tape();
    parameters.clearGradients();
    parameters.watch(tape);
    const { logProb } = engine.record(tape, () => logProbabilities(model, batch));
    const { predictions } = batch;
    tape.backward(logProb, engine.tensor(new Float32Array(predictions).fill(-1 / predictions)));
    optimizer.step(1e-3 / seed);
  });
}

test("a warm training step creates no buffer, bind group or pipeline", async () => {
  const engine = await newEngine();
  const folder = fileURLToPath(new URL("../../data/storyteller", import.meta.url));
  const model = await loadModel(engine, openFolder(folder));
  const optimizer = new AdamW(model.parameters);
  const created = () => {
    const { buffersCreated, bindGroupsCreated, pipelinesCreated } = engine.counts;
    return { buffersCreated, bindGroupsCreated, pipelinesCreated };
  };
  for (let step = 1; step <= 2; step++) trainingStep(model, optimizer, [3, 20], step);
  const warm = created(), { live } = engine.memory;
  for (let step = 3; step <= 5; step++) trainingStep(model, optimizer, [3, 20], step);
  expect(created()).toEqual(warm);
  expect(engine.memory.live).toBe(live);
  expect((await optimizer.report()).steps).toBe(5);
  engine.destroy();
});

const TINY: ModelConfig = {
  family: "llama",
  vocabulary: 512,
  width: 16,
  layers: 2,
  heads: 1,
  keyValueHeads: 1,
  headSize: 16,
  mlpWidth: 32,
  context: 512,
  normEpsilon: 1e-5,
  activation: "silu",
  rope: { theta: 10_000, fraction: 1, scaling: null },
  parallelResidual: false,
  tied: true,
  attentionBias: false,
  mlpBias: false,
  endTokens: [0],
  beginToken: 0,
  padToken: null,
};

function tinyModel(engine: Engine, vocabulary: number): { model: Model; optimizer: AdamW } {
  const config = { ...TINY, vocabulary };
  const parameters = new Parameters(engine, decoderEntries(config));
  return { model: { config, parameters }, optimizer: new AdamW(parameters) };
}

test("peak memory grows linearly in T", async () => {
  const engine = await newEngine();
  const { model, optimizer } = tinyModel(engine, 512);
  // At shorter sequences the peak lies at another moment of the step.
  const peaks = [256, 512, 1024, 2048].map((T) => {
    engine.resetPeak();
    trainingStep(model, optimizer, [2, T], 1);
    return engine.memory.peakLive;
  });
  const growth = peaks.slice(1).map((peak, i) => peak - peaks[i]);
  expect(growth[0]).toBeGreaterThan(0);
  // A matrix of scores, B·H·T² numbers, would make it four times as much.
  expect(growth[1] / growth[0]).toBeCloseTo(2, 1);
  expect(growth[2] / growth[1]).toBeCloseTo(2, 1);
  expect((await optimizer.report()).steps).toBe(peaks.length);
  engine.destroy();
});

/** Sizes in bytes of all buffers that the engine's device makes from now on. */
function watchBuffers({ device }: Engine): number[] {
  const sizes: number[] = [];
  const { createBuffer } = device;
  device.createBuffer = (descriptor) => {
    sizes.push(descriptor.size);
    return createBuffer.call(device, descriptor);
  };
  return sizes;
}

test("no buffer holds the logits of all rows", async () => {
  const engine = await newEngine();
  const [B, T, V] = [4, 300, 8192];
  const { model, optimizer } = tinyModel(engine, V);
  const sizes = watchBuffers(engine);
  trainingStep(model, optimizer, [B, T], 1);
  expect((await optimizer.report()).steps).toBe(1);
  expect(sizes.length).toBeGreaterThan(10);
  expect(Math.max(...sizes)).toBeLessThan(B * T * V * 4 / 2);
  engine.destroy();
});
