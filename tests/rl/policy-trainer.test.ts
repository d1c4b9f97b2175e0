import { expect, test } from "bun:test";
import { packEpisodes, rollOut } from "../../engine/rl/episodes.ts";
import { scoreEpisodes } from "../../engine/rl/experience.ts";
import { PolicyTrainer } from "../../engine/rl/policy-trainer.ts";
import { Role } from "../../engine/ops/roles.ts";
import { testEngine } from "../support/engine.ts";
import { storyteller, tinyModels, tinySettings, tinySources } from "../support/tiny.ts";

async function newTrainer(overrides: Partial<typeof tinySettings> = {}, shared = false) {
  const models = tinyModels(await storyteller(await testEngine()));
  if (shared) models.value = models.policy = tinyModels(models.reward).value;
  return new PolicyTrainer(models, tinySources(12), { ...tinySettings, ...overrides });
}

async function weightsOf(trainer: PolicyTrainer): Promise<Float32Array> {
  return await trainer.models.policy.parameters.shards[0].weights.read();
}

test("a run stopped after each update and resumed ends on the same bits", async () => {
  const whole = await newTrainer();
  for (let i = 0; i < 3; i++) await whole.advance();

  let state: Uint8Array | null = null;
  let last: PolicyTrainer | null = null;
  for (let i = 0; i < 3; i++) {
    last = await newTrainer();
    if (state) await last.load(state);
    expect(last.step).toBe(i);
    await last.advance();
    state = await last.save();
  }
  expect(await weightsOf(last!)).toEqual(await weightsOf(whole));
  expect(last!.generatedTokens).toBe(whole.generatedTokens);
}, 60000);

test("micro-batches add up to the batch", async () => {
  const small = await newTrainer({ updates: 1, epochs: 1, minibatches: 1, microTokens: 25 });
  const large = await newTrainer({ updates: 1, epochs: 1, minibatches: 1, microTokens: 100000 });
  const [a, b] = [await small.advance(), await large.advance()];
  expect(Math.abs(Number(a["policyLoss"]) - Number(b["policyLoss"]))).toBeLessThan(1e-5);
  expect(Math.abs(Number(a["gradientNorm"]) / Number(b["gradientNorm"]) - 1)).toBeLessThan(1e-4);
});

test("a learning rate of 0 leaves the weights, the ratio and the KL where they were", async () => {
  const trainer = await newTrainer({ schedule: { peak: 0, kind: "constant", warmup: 0 } });
  const before = await weightsOf(trainer);
  await trainer.advance();
  const metrics = await trainer.advance();
  expect(await weightsOf(trainer)).toEqual(before);
  expect(Math.abs(Number(metrics["rolloutKl"]))).toBeLessThan(1e-3);
  expect(Number(metrics["clipFraction"])).toBe(0);
});

test("a shared trunk trains, with one optimizer", async () => {
  const trainer = await newTrainer({ updates: 1 }, true);
  // The reference must be where the policy starts: the reward model's trunk is the base's.
  const metrics = await trainer.advance();
  expect(Number(metrics["policyLoss"])).toBeFinite();
  expect(Number(metrics["valueError"])).toBeFinite();
});

test("a state of other settings is refused", async () => {
  const state = await (await newTrainer()).save();
  const shared = await newTrainer({}, true);
  await expect(shared.load(state)).rejects.toThrow("checkpoint");
});

test("episodes carry their roles, and the score stands on the last token or is replaced", async () => {
  const engine = await testEngine();
  const models = tinyModels(await storyteller(engine));
  const sources = tinySources(4);
  const starts = sources.map(({ referenceIds }, row) => ({
    episode: row,
    row,
    prefixLength: Math.min(row, referenceIds.length - 1),
  }));
  const options = { temperature: 1, seed: 1, endTokens: [0] };
  const episodes = await rollOut(models.policy, sources, starts, 6, options);
  const packed = packEpisodes(engine, episodes, 64);
  const roles = await packed.roles.readIntegers();
  for (const [b, episode] of episodes.entries()) {
    const row = [...roles.slice(b * 64, (b + 1) * 64)];
    const { promptLength, prefixLength, tokens, decodeLogProbs } = episode;
    expect(row.slice(0, promptLength)).toEqual(Array(promptLength).fill(Role.PROMPT));
    expect(row.slice(promptLength, promptLength + prefixLength)).toEqual(
      Array(prefixLength).fill(Role.FORCED),
    );
    expect(row.filter((role) => role === Role.GENERATED).length).toBe(decodeLogProbs.length);
    expect(row.slice(tokens.length)).toEqual(Array(64 - tokens.length).fill(Role.PAD));
    expect(tokens.slice(0, promptLength)).toEqual([...sources[b].promptIds]);
  }

  const settings = { ...tinySettings, klCoefficient: 0, missingEndScore: -5 };
  const { experience, report } = await scoreEpisodes(models, episodes, 64, settings);
  const rewards = await experience.rewards.read();
  for (const [b, { tokens, ended }] of episodes.entries()) {
    const row = rewards.slice(b * 64, (b + 1) * 64);
    expect(row[tokens.length - 1]).toBeCloseTo(ended ? report.scores[b] : -5, 5);
    expect(row.filter((x) => x !== 0).length).toBeLessThanOrEqual(1);
  }
});
