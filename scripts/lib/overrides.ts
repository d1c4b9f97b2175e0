import type { PolicySettings } from "../../engine/rl/policy-trainer.ts";
import type { BatchSettings } from "../../engine/rl/batch-trainer.ts";
import type { RunSettings } from "./settings.ts";

/** Values given on the command line, in place of defaults, for a trainer with batches. */
export interface TrainingOverrides {
  steps?: number;
  batchSize?: number;
  learningRate?: number;
  microTokens?: number;
}

export function withTraining<S extends BatchSettings>(
  settings: S,
  { learningRate, ...given }: TrainingOverrides,
): S {
  const {
    steps = settings.steps,
    batchSize = settings.batchSize,
    microTokens = settings.microTokens,
  } = given;
  const { peak } = settings.schedule;
  const schedule = { ...settings.schedule, peak: learningRate ?? peak };
  return { ...settings, steps, batchSize, microTokens, schedule };
}

/** The same for policy optimization. */
export interface PolicyOverrides {
  beta?: number;
  klCoefficient?: number;
  learningRate?: number;
  updates?: number;
  episodes?: number;
  responseTokens?: number;
  microTokens?: number;
}

function withPolicy(
  settings: PolicySettings,
  { learningRate, ...given }: PolicyOverrides,
): PolicySettings {
  const { schedule } = settings;
  return {
    ...settings,
    beta: given.beta ?? settings.beta,
    klCoefficient: given.klCoefficient ?? settings.klCoefficient,
    updates: given.updates ?? settings.updates,
    episodes: given.episodes ?? settings.episodes,
    responseTokens: given.responseTokens ?? settings.responseTokens,
    microTokens: given.microTokens ?? settings.microTokens,
    schedule: { ...schedule, peak: learningRate ?? schedule.peak },
  };
}

/** The same for the whole method. */
export interface RunOverrides extends PolicyOverrides {
  sftSteps?: number;
  rewardSteps?: number;
  testPrompts?: number;
  sharedTrunk?: boolean;
}

export function applyOptions(settings: RunSettings, given: RunOverrides): RunSettings {
  const { sft, reward, policy } = settings;
  const { sftSteps, rewardSteps, microTokens } = given;
  return {
    ...settings,
    sft: withTraining(sft, { steps: sftSteps, microTokens }),
    reward: withTraining(reward, { steps: rewardSteps, microTokens }),
    policy: withPolicy(policy, given),
    sharedTrunk: given.sharedTrunk ?? settings.sharedTrunk,
    testPrompts: given.testPrompts ?? settings.testPrompts,
  };
}
