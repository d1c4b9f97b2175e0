import { expect, test } from "bun:test";
import { defaultAdamW } from "../../engine/nn/optimizer.ts";
import {
  centreScores,
  newRewardModel,
  rankByLength,
  rankPairs,
  RewardTrainer,
  scoreSequences,
} from "../../engine/rl/reward-model.ts";
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

test("the reward model learns which side wins, and its scores are centred on the references", async () => {
  const base = await storyteller(await testEngine());
  const reward = newRewardModel(base, 1);
  const sources = tinySources(16);
  // Chosen responses hold the token 500, rejected ones the token 600.
  const pairs = sources.map(({ promptIds, referenceIds }) => ({
    promptIds,
    chosenIds: [500, ...referenceIds],
    rejectedIds: [600, 600, ...referenceIds],
  }));
  const trainer = new RewardTrainer(reward, pairs.slice(0, 12), { ...settings, centering: 0 });
  while (trainer.step < trainer.steps) await trainer.advance();
  const held = pairs.slice(12);
  expect(await rankPairs(reward, held, 1000)).toEqual([1, 1, 1, 1]);
  expect(rankByLength(held)).toEqual([0, 0, 0, 0]);

  const references = sources.map(({ promptIds, referenceIds }) => [...promptIds, ...referenceIds]);
  await centreScores(reward, references, 1000);
  const scores = await scoreSequences(reward, references, 50);
  expect(Math.abs(scores.reduce((a, b) => a + b, 0) / scores.length)).toBeLessThan(1e-4);
});

test("a reward model's head starts from the seed, its trunk from the model", async () => {
  const base = await storyteller(await testEngine());
  const heads = await Promise.all(
    [1, 1, 2].map((seed) => newRewardModel(base, seed).parameters.get("score.weight").read()),
  );
  expect(heads[0]).toEqual(heads[1]);
  expect(heads[0]).not.toEqual(heads[2]);
  const trunk = newRewardModel(base, 1).parameters.get("model.norm.weight");
  expect(await trunk.read()).toEqual(await base.parameters.get("model.norm.weight").read());
});
