import { expect, test } from "bun:test";
import type { ModelConfig } from "../../engine/nn/config.ts";
import { newModel } from "../../engine/nn/initialize.ts";
import { testEngine } from "../support/engine.ts";

const config: ModelConfig = {
  family: "llama",
  vocabulary: 300,
  width: 32,
  layers: 2,
  heads: 2,
  keyValueHeads: 1,
  headSize: 16,
  mlpWidth: 96,
  context: 64,
  normEpsilon: 1e-5,
  activation: "silu",
  rope: { theta: 10_000, fraction: 1, scaling: null },
  parallelResidual: false,
  tied: true,
  attentionBias: true,
  mlpBias: false,
  endTokens: [0],
  beginToken: 0,
  padToken: null,
};

test("weights have mean 0 and their deviation, norms are 1, biases 0", async () => {
  const { parameters } = newModel(await testEngine(), config, 1);
  for (const name of parameters.names) {
    const values = await parameters.get(name).read();
    if (name.endsWith("norm.weight")) expect(values.every((x) => x === 1)).toBe(true);
    else if (name.endsWith(".bias")) expect(values.every((x) => x === 0)).toBe(true);
    else {
      const deviation = 0.02 / (/o_proj|down_proj/.test(name) ? 2 : 1); // √(2·2) = 2
      const sum = values.reduce((total, x) => total + x, 0);
      const square = values.reduce((total, x) => total + x ** 2, 0);
      const error = 4 / Math.sqrt(values.length); // four standard errors
      expect(Math.abs(sum / values.length) / deviation).toBeLessThan(error);
      expect(Math.abs(Math.sqrt(square / values.length) / deviation - 1)).toBeLessThan(error);
    }
  }
});

test("the seed fixes the weights, and no two parameters are alike", async () => {
  const engine = await testEngine();
  const weights = async (seed: number, name: string) =>
    await newModel(engine, config, seed).parameters.get(name).read();
  const [gate, up] = ["gate_proj", "up_proj"].map((name) => `model.layers.0.mlp.${name}.weight`);
  expect(await weights(1, gate)).toEqual(await weights(1, gate));
  expect(await weights(1, gate)).not.toEqual(await weights(2, gate));
  expect(await weights(1, gate)).not.toEqual(await weights(1, up));
});
