import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Engine } from "../../engine/gpu/engine.ts";
import type { LoraOptions } from "../../engine/nn/adapter.ts";
import { type ModelConfig, parseConfig } from "../../engine/nn/config.ts";
import { newModel } from "../../engine/nn/initialize.ts";
import { copyModel, type Model } from "../../engine/nn/model.ts";
import { defaultAdamW } from "../../engine/nn/optimizer.ts";
import { DirectPreferenceTrainer } from "../../engine/rl/dpo.ts";
import { PolicyTrainer } from "../../engine/rl/policy-trainer.ts";
import { Rehearsal } from "../../engine/rl/rehearsal.ts";
import { RewardTrainer } from "../../engine/rl/reward-model.ts";
import { SupervisedTrainer } from "../../engine/rl/sft.ts";
import type { Trainer } from "../../engine/rl/trainer.ts";
import { ArgumentError } from "../../scripts/host/arguments.ts";
import { openOutput } from "../../scripts/host/output.ts";
import { trainable } from "../../scripts/lib/adapters.ts";
import {
  planDpo,
  planMemory,
  planPolicy,
  planReward,
  planSft,
} from "../../scripts/lib/memory-plan.ts";
import { policyModels, rewardOn } from "../../scripts/lib/phases.ts";
import {
  directPreferenceSettings,
  evaluationSettings,
  ownDataSettings,
} from "../../scripts/lib/settings.ts";
import { randomIntegers } from "../support/compare.ts";
import { newEngine } from "../support/engine.ts";

// What the plan says against what the pool's counter saw at most in training itself.
const FACTOR = { least: 0.9, most: 1.3 };

const CONTEXT = 128, VOCABULARY = 512;
const sizes = { small: { width: 32, layers: 2 }, larger: { width: 96, layers: 4 } };
const end = { vocab_size: VOCABULARY, bos_token_id: 1, eos_token_id: 0 };
const configs: Record<string, (size: { width: number; layers: number }) => ModelConfig> = {
  llama: ({ width, layers }) =>
    parseConfig({
      model_type: "llama",
      hidden_size: width,
      intermediate_size: 3 * width,
      num_hidden_layers: layers,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      max_position_embeddings: CONTEXT,
      rms_norm_eps: 1e-5,
      ...end,
    }),
  gpt2: ({ width, layers }) =>
    parseConfig({
      model_type: "gpt2",
      n_embd: width,
      n_layer: layers,
      n_head: 4,
      n_positions: CONTEXT,
      ...end,
    }),
};

const optimizer = defaultAdamW;
const run = (() => {
  const { sft, reward, policy, ...rest } = ownDataSettings(5);
  const few = { batchSize: 8, steps: 2, microTokens: 160, optimizer };
  const updates = { updates: 1, episodes: 10, epochs: 1, responseTokens: 24, microTokens: 160 };
  return {
    ...rest,
    sft: { ...sft, ...few },
    reward: { ...reward, ...few },
    policy: { ...policy, ...updates },
    batchRows: 6,
  };
})();
const answers = evaluationSettings(run);
const dpo = { ...directPreferenceSettings(run), steps: 2 };
const ids = (count: number, seed: number) =>
  [...randomIntegers(count, VOCABULARY - 2, seed)].map((id) => id + 2);
const rows = Array.from({ length: 40 }, (_, i) => ({
  promptIds: ids(6 + i % 13, i),
  responseIds: [...ids(5 + (7 * i) % 17, 100 + i), 0],
  rejectedIds: [...ids(4 + (5 * i) % 19, 200 + i), 0],
}));
const pairs = rows.map((row) => ({ ...row, chosenIds: row.responseIds }));
const resets = rows.map((row) => ({ ...row, referenceIds: row.responseIds }));

let engine: Engine;
beforeAll(async () => {
  engine = await newEngine();
});
afterAll(() => engine.destroy());

/** As commands load it. */
function frozenModel(config: ModelConfig): Model {
  const model = newModel(engine, config, 1);
  const frozen = copyModel(model, { trainable: false });
  model.parameters.release();
  return frozen;
}

/** Bytes that training takes at most, what it makes included, beside what the plan says of it. */
async function compare(
  config: ModelConfig,
  start: (base: Model) => Promise<{ trainer: Trainer; models: Model[] }>,
  plan: (rehearsal: Rehearsal, base: Model) => Promise<unknown>,
): Promise<void> {
  const { live } = engine.memory;
  const base = frozenModel(config);
  const { trainer, models } = await start(base);
  engine.resetPeak();
  while (trainer.step < trainer.steps) await trainer.advance();
  const measured = engine.memory.peakLive - live;

  const rehearsal = new Rehearsal(engine);
  await plan(rehearsal, rehearsal.model(base));
  const { weights, optimizer, training, generation, peak } = rehearsal.phases.at(-1)!;
  expect(peak).toBe(weights + optimizer + Math.max(training, generation));
  expect(peak / measured).toBeGreaterThan(FACTOR.least);
  expect(peak / measured).toBeLessThan(FACTOR.most);
  for (const { parameters } of new Set([base, ...models])) parameters.release();
}

describe.each(Object.keys(configs))("the plan is what training takes, %s", (family) => {
  test.each([
    ["small", null],
    ["larger", null],
    ["small", { rank: 4, alpha: 8, targets: ".*" }], // the head too
  ] as [keyof typeof sizes, LoraOptions | null][])("%s, LoRA %p", async (size, lora) => {
    const config = configs[family](sizes[size]);
    await compare(config, (base) => {
      const model = trainable(base, lora, 1);
      const trainer = new SupervisedTrainer(model, rows, run.sft);
      return Promise.resolve({ trainer, models: [model] });
    }, (rehearsal, base) => planSft(rehearsal, base, rows, run.sft, lora));

    await compare(config, (base) => {
      const model = rewardOn(base, lora, 1);
      const trainer = new RewardTrainer(model, pairs, run.reward);
      return Promise.resolve({ trainer, models: [model] });
    }, (rehearsal, base) => planReward(rehearsal, base, pairs, run.reward, lora));

    await compare(
      config,
      (base) => {
        const model = trainable(base, lora, 1);
        const trainer = new DirectPreferenceTrainer(model, base, pairs, dpo);
        return Promise.resolve({ trainer, models: [model] });
      },
      (rehearsal, base) => planDpo(rehearsal, base, { pairs, prompts: [] }, dpo, answers, lora),
    );

    for (const sharedTrunk of size === "small" ? [false, true] : [false]) {
      const settings = { ...run, sharedTrunk };
      await compare(config, (base) => {
        const reward = rewardOn(base, lora, 1);
        const models = policyModels({ reference: base, reward, lora }, settings);
        const trainer = new PolicyTrainer(models, resets, run.policy);
        return Promise.resolve({ trainer, models: [reward, models.policy, models.value] });
      }, (rehearsal, reference) => {
        const reward = rewardOn(reference, lora, 1);
        const from = { reference, reward, resets, prompts: [], lora };
        return planPolicy(rehearsal, "drpo", from, settings);
      });
    }
  }, 240_000);
});

test("without --memory there is no plan, and what does not fit is refused with the part to change", async () => {
  const notes: string[] = [];
  const output = {
    ...openOutput({ quiet: true, json: false }),
    note: (text: string) => notes.push(text),
  };
  const base = frozenModel(configs["llama"](sizes.small));
  const { live } = engine.memory;
  const phases = (rehearsal: Rehearsal) =>
    planSft(rehearsal, rehearsal.model(base), rows, run.sft, null);
  await planMemory({}, output, engine, phases);
  expect(notes).toEqual([]);
  await planMemory({ memory: 0.5 }, output, engine, phases);
  expect(notes.join()).toMatch(/SFT.*most at once +\d+\.\d MiB/s);
  const refused = planMemory({ memory: 0.001 }, output, engine, phases);
  await expect(refused).rejects.toThrow(/1\.0 MiB may be used.*activations.*--micro-tokens/);
  await expect(refused).rejects.toBeInstanceOf(ArgumentError); // exit status 2
  expect(engine.memory.live).toBe(live); // a rehearsal takes nothing
});
