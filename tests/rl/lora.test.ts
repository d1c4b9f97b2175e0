import { expect, test } from "bun:test";
import { loraModel } from "../../engine/nn/adapter.ts";
import { mergeAdapter } from "../../engine/nn/merge.ts";
import { copyModel, type Model } from "../../engine/nn/model.ts";
import type { Models } from "../../engine/rl/experience.ts";
import { PolicyTrainer } from "../../engine/rl/policy-trainer.ts";
import { newRewardModel, RewardTrainer, scoreSequences } from "../../engine/rl/reward-model.ts";
import { openSafetensors } from "../../engine/nn/safetensors.ts";
import { bytesSource } from "../../engine/nn/bytes.ts";
import { testEngine } from "../support/engine.ts";
import { storyteller, tinySettings, tinySources } from "../support/tiny.ts";

const OPTIONS = { rank: 4, alpha: 8, targets: ".*" }; // all linear layers and the head, which is tied

/** Policy, critic and reward model as adapters over one base, which is the reference. */
function adaptedModels(reference: Model): Models {
  const reward = newRewardModel(loraModel(reference, OPTIONS, 2), 7);
  return { policy: loraModel(reference, OPTIONS, 1), value: copyModel(reward), reference, reward };
}

async function weightsOf({ policy, value }: Models): Promise<Float32Array[]> {
  const shards = [policy, value].flatMap(({ parameters }) => parameters.shards);
  return await Promise.all(shards.map(({ weights }) => weights.read()));
}

// The first step passes the gates: ratio 1 and KL 0 before any update, decoding and masks.
test("DR-PO trains adapters over one base, resumes to the same bits, and saves its own tensors alone", async () => {
  const base = await storyteller(await testEngine());
  const read = () => Promise.all(base.parameters.shards.map(({ weights }) => weights.read()));
  const before = await read();
  const sources = tinySources(12);
  const trainer = new PolicyTrainer(adaptedModels(base), sources, tinySettings);
  const start = await weightsOf(trainer.models);
  const first = await trainer.advance();
  expect(first.episodes).toBe(8);
  const state = await trainer.save();
  await trainer.advance();

  const resumed = new PolicyTrainer(adaptedModels(base), sources, tinySettings);
  await resumed.load(state);
  await resumed.advance();
  const found = await weightsOf(trainer.models);
  expect(await weightsOf(resumed.models)).toEqual(found);
  found.forEach((weights, i) => expect(weights).not.toEqual(start[i]));
  expect(await read()).toEqual(before);

  const file = await openSafetensors(bytesSource("state", state));
  const saved = (name: string) => file.tensor(name).shape[0];
  const { policy, value } = trainer.models;
  expect(saved("policy.0.weights")).toBe(policy.parameters.shards[0].weights.size);
  expect(saved("value.0.weights")).toBe(value.parameters.shards[0].weights.size);
  expect(file.names.length).toBe(8); // weights, two moments and the optimizer of each
  for (const { models } of [trainer, resumed]) {
    for (const model of [models.policy, models.value, models.reward as Model]) {
      model.parameters.release();
    }
  }
  base.parameters.release();
});

test("policy and critic may share an adapter", async () => {
  const reference = await storyteller(await testEngine());
  const policy = copyModel(loraModel(reference, OPTIONS, 1), { score: true });
  const models = { policy, value: policy, reference, reward: () => 1 };
  const metrics = await new PolicyTrainer(models, tinySources(12), tinySettings).advance();
  expect(Number(metrics.gradientNorm)).toBeGreaterThan(0);
  for (const { parameters } of [policy, reference]) parameters.release();
});

test("a reward model learns pairs as an adapter, and merged it scores the same", async () => {
  const base = await storyteller(await testEngine());
  const reward = newRewardModel(loraModel(base, OPTIONS, 1), 7);
  const pairs = [{ promptIds: [0, 5], chosenIds: [9, 0], rejectedIds: [8, 0] }];
  const { schedule, optimizer, microTokens } = tinySettings;
  const settings = { steps: 20, batchSize: 1, schedule, optimizer, microTokens, seed: 1 };
  const trainer = new RewardTrainer(reward, pairs, { ...settings, centering: 0 });
  const first = await trainer.advance();
  let last = first;
  while (trainer.step < trainer.steps) last = await trainer.advance();
  expect(Number(last.loss)).toBeLessThan(Number(first.loss));
  const merged = mergeAdapter(reward);
  const sequences = [[0, 5, 9, 0], [0, 300, 7, 44]];
  const [scores, again] = [
    await scoreSequences(reward, sequences, 100),
    await scoreSequences(merged, sequences, 100),
  ];
  scores.forEach((score, i) => expect(again[i]).toBeCloseTo(score, 4));
  for (const { parameters } of [merged, reward, base]) parameters.release();
});
