import { expect, test } from "bun:test";
import { copyModel } from "../../engine/nn/model.ts";
import { defaultAdamW } from "../../engine/nn/optimizer.ts";
import { meanLogProbability, SupervisedTrainer } from "../../engine/rl/sft.ts";
import { testEngine } from "../support/engine.ts";
import { storyteller, tinySources } from "../support/tiny.ts";

const settings = {
  steps: 12,
  batchSize: 8,
  schedule: { peak: 2e-3, kind: "constant", warmup: 0 },
  optimizer: defaultAdamW,
  microTokens: 70,
  seed: 1,
} as const;

test("SFT makes the responses it learns likelier", async () => {
  const model = copyModel(await storyteller(await testEngine()));
  const data = tinySources(8).map(({ promptIds, referenceIds }) => ({
    promptIds,
    responseIds: referenceIds,
  }));
  const before = await meanLogProbability(model, data, 1000);
  const trainer = new SupervisedTrainer(model, data, settings);
  const losses: number[] = [];
  while (trainer.step < trainer.steps) losses.push(Number((await trainer.advance())["loss"]));
  expect(Math.abs(-losses[0] - before)).toBeLessThan(1e-4);
  expect(await meanLogProbability(model, data, 1000)).toBeGreaterThan(before + 1);
});
