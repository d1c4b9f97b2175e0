import { fileURLToPath } from "node:url";
import type { Engine } from "../../engine/gpu/engine.ts";
import { copyModel, loadModel, type Model } from "../../engine/nn/model.ts";
import { defaultAdamW } from "../../engine/nn/optimizer.ts";
import type { Models } from "../../engine/rl/experience.ts";
import type { PolicySettings } from "../../engine/rl/policy-trainer.ts";
import type { ResetSource } from "../../engine/rl/resets.ts";
import { newRewardModel } from "../../engine/rl/reward-model.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { randomIntegers } from "./compare.ts";

/** The bundled base model. */
export function storyteller(engine: Engine): Promise<Model> {
  return loadModel(
    engine,
    openFolder(fileURLToPath(new URL("../../data/storyteller", import.meta.url))),
  );
}

/** Prompts and responses of arbitrary tokens, each response closed with the end token 0. */
export function tinySources(count: number): ResetSource[] {
  return Array.from({ length: count }, (_, i) => ({
    promptIds: [0, ...randomIntegers(4 + i % 5, 1000, i)].map((id) => Math.max(id, 2)),
    referenceIds: [...randomIntegers(3 + i % 7, 1000, 99 + i)].map((id) => Math.max(id, 2)).concat(
      0,
    ),
  }));
}

/** A policy, critic, reference and reward model from one base, and settings that run in a second. */
export function tinyModels(base: Model): Models & { reward: Model } {
  const reward = newRewardModel(base, 7);
  return { policy: copyModel(base), value: copyModel(reward), reference: base, reward };
}

export const tinySettings: PolicySettings = {
  beta: 0.5,
  law: "from-zero",
  updates: 3,
  episodes: 8,
  epochs: 2,
  minibatches: 2,
  responseTokens: 10,
  temperature: 1,
  klCoefficient: 0.05,
  gamma: 1,
  lambda: 0.95,
  clip: 0.2,
  valueClip: 0.2,
  valueCoefficient: 0.1,
  missingEndScore: -1,
  whitenRewards: false,
  whitenAdvantages: true,
  microTokens: 60, // several micro-batches
  schedule: { peak: 1e-3, kind: "linear", warmup: 0 },
  optimizer: { ...defaultAdamW, epsilon: 1e-5 },
  seed: 3,
};
