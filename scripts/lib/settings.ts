// The one place where the paper's hyper-parameters (arXiv:2404.08495, Table 5: Pythia-2.8B on TL;DR) are
// scaled down for the bundled 0.3M-parameter model on two CPU cores.
import type { LoraOptions } from "../../engine/nn/adapter.ts";
import type { Model } from "../../engine/nn/model.ts";
import { defaultAdamW } from "../../engine/nn/optimizer.ts";
import type { DirectPreferenceSettings } from "../../engine/rl/dpo.ts";
import type { EvaluationSettings } from "../../engine/rl/evaluation.ts";
import type { PolicySettings } from "../../engine/rl/policy-trainer.ts";
import type { RewardSettings } from "../../engine/rl/reward-model.ts";
import type { Schedule } from "../../engine/rl/schedule.ts";
import type { BatchSettings } from "../../engine/rl/batch-trainer.ts";

/** All settings of a run, but for its data. */
export interface RunSettings {
  sft: BatchSettings;
  reward: RewardSettings;
  /** PPO is this with β = 0. */
  policy: PolicySettings;
  /** Policy and critic share a trunk, where otherwise the critic starts from the reward model. */
  sharedTrunk: boolean;
  /** Longest prompt, in tokens. */
  promptTokens: number;
  /** Updates between looks at validation prompts, and how many of those. */
  evaluateEvery: number;
  validationPrompts: number;
  /** At most so many test prompts. */
  testPrompts: number;
  /** Rows that an evaluation generates together. */
  batchRows: number;
  /** Updates between checkpoints. */
  checkpointEvery: number;
}

/** Tokens that pass through a model at a time. */
export const MICRO_TOKENS = 4096;

/**
 * The paper's values (Table 5), and its code's where the paper gives none or another: temperature, whitening of
 * rewards, AdamW's epsilon without clipping, and −1 for a missing end.
 */
export const paperPolicy: Omit<PolicySettings, "updates" | "seed"> = {
  beta: 1,
  law: "from-one",
  episodes: 512,
  epochs: 4,
  minibatches: 1,
  responseTokens: 53,
  schedule: { peak: 3e-6, kind: "linear", warmup: 0 },
  clip: 0.2,
  valueClip: 0.2,
  valueCoefficient: 0.1,
  klCoefficient: 0.05,
  gamma: 1,
  lambda: 0.95,
  temperature: 0.7,
  missingEndScore: -1,
  whitenRewards: true,
  whitenAdvantages: true,
  microTokens: MICRO_TOKENS,
  optimizer: { ...defaultAdamW, epsilon: 1e-5, beta2: 0.999, maxNorm: Infinity },
};

/** The bundled task: `npm start`. A small model learns at a hundred times the paper's learning rate. */
export function bundledSettings(seed: number): RunSettings {
  return {
    sft: {
      steps: 80,
      batchSize: 32,
      schedule: { peak: 3e-4, kind: "linear", warmup: 0.05 },
      optimizer: defaultAdamW,
      microTokens: MICRO_TOKENS,
      seed,
    },
    reward: {
      steps: 200,
      batchSize: 32,
      schedule: { peak: 6e-4, kind: "linear", warmup: 0.05 },
      optimizer: { ...defaultAdamW, weightDecay: 0.01 },
      microTokens: MICRO_TOKENS,
      centering: 0,
      seed,
    },
    policy: {
      ...paperPolicy,
      beta: 0.5,
      law: "from-zero",
      updates: 8,
      episodes: 64,
      epochs: 2,
      responseTokens: 40,
      temperature: 1,
      klCoefficient: 0.25,
      schedule: { peak: 4e-4, kind: "linear", warmup: 0 },
      optimizer: { ...defaultAdamW, epsilon: 1e-5 },
      whitenRewards: false,
      seed,
    },
    sharedTrunk: false,
    promptTokens: 32,
    evaluateEvery: 2,
    validationPrompts: 100,
    testPrompts: 1000,
    batchRows: 100,
    checkpointEvery: 4,
  };
}

/**
 * One's own data: texts ten times as long, so steps are smaller and fewer, and a first look takes minutes. The
 * flags make it longer.
 */
export function ownDataSettings(seed: number): RunSettings {
  const { sft, reward, policy, ...rest } = bundledSettings(seed);
  return {
    ...rest,
    sft: { ...sft, steps: 40, batchSize: 8 },
    reward: { ...reward, steps: 80, batchSize: 8 },
    policy: { ...policy, updates: 6, episodes: 16, responseTokens: 128 },
    promptTokens: 192,
    evaluateEvery: 3,
    validationPrompts: 16,
    testPrompts: 32,
    batchRows: 32,
  };
}

/** How held-out prompts are answered. */
export function evaluationSettings({ policy, batchRows }: RunSettings): EvaluationSettings {
  const { temperature, responseTokens, microTokens, seed } = policy;
  return { temperature, responseTokens, microTokens, batchRows, seed };
}

/**
 * Direct preference optimization, at a third of SFT's rate: the loss is reached by pushing both responses down,
 * and a high rate does so.
 */
export function directPreferenceSettings({ sft }: RunSettings): DirectPreferenceSettings {
  const schedule = { ...sft.schedule, peak: sft.schedule.peak / 3 };
  return { ...sft, schedule, steps: 80, beta: 0.1, kind: "sigmoid", labelSmoothing: 0 };
}

/** The width for which the learning rates above were chosen. */
const WIDTH = 64;
/**
 * How many times the rate of all weights adapters take: ten in supervised training (Schulman et al. 2025, "LoRA
 * Without Regret"). In policy optimization that ran away from the reference on docs/your-model-your-data.md.
 */
export const adapterRates = { supervised: 10, policy: 2.5 };

/** Learning rates in proportion to 1/width, as Adam's best ones are for hidden weights (arXiv:2203.03466). */
export function forModel(
  settings: RunSettings,
  { config: { width }, parameters }: Model,
  lora: LoraOptions | null,
): RunSettings {
  const { sft, reward, policy } = settings;
  const adapters = lora !== null || parameters.base !== null;
  const scaled = <S extends { schedule: Schedule }>(
    part: S,
    kind: keyof typeof adapterRates,
  ): S => {
    const peak = part.schedule.peak * (adapters ? adapterRates[kind] : 1) * WIDTH / width;
    return { ...part, schedule: { ...part.schedule, peak } };
  };
  return {
    ...settings,
    sft: scaled(sft, "supervised"),
    reward: scaled(reward, "supervised"),
    policy: scaled(policy, "policy"),
  };
}
