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
import { trainable } from "../../scripts/lib/adapters.ts";
import {
  planDpo,
  planMemory,
  planPolicy,
  planReward,
  planSft,
} from "../../scripts/lib/memory-plan.ts";
import { policyModels, rewardOn } from "../../scripts/lib/phases.ts";
import { directPreferenceSettings, ownDataSettings } from "../../scripts/lib/settings.ts";
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
  const few = { batchSize: 8, steps: 3, microTokens: 256, optimizer };
  const updates = { updates: 2, episodes: 12, epochs: 1, responseTokens: 24, microTokens: 256 };
  return {
    ...rest,
    sft: { ...sft, ...few },
    reward: { ...reward, ...few },
    policy: { ...policy, ...updates },
    batchRows: 6,
  };
})();
const dpo = directPreferenceSettings(run);
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

/** The most that is in use while a trainer goes through some steps, and the models that it made. */
async function measure(trainer: Trainer, steps: number): Promise<number> {
  engine.resetPeak();
  for (let step = 0; step < steps; step++) await trainer.advance();
  return engine.memory.peakLive;
}

function near(planned: number, measured: number): void {
  expect(planned / measured).toBeGreaterThan(FACTOR.least);
  expect(planned / measured).toBeLessThan(FACTOR.most);
}

/** Only what a phase has made is in use, so that the counter says what the phase takes. */
async function alone(base: Model, phase: (frozen: Model) => Promise<Model[]>): Promise<void> {
  const { live } = engine.memory;
  const frozen = copyModel(base, { trainable: false });
  base.parameters.release();
  for (const { parameters } of new Set([frozen, ...await phase(frozen)])) parameters.release();
  expect(engine.memory.live).toBeLessThan(live);
}

const adapters: LoraOptions = { rank: 4, alpha: 8, targets: "all-linear" };

describe.each(Object.keys(configs))("the plan for %s", (family) => {
  for (const [size, shape] of Object.entries(sizes)) {
    const lora = size === "small" ? null : adapters;
    const base = () => newModel(engine, configs[family](shape), 1);
    void base;
    void lora;
  }
});
