// The flags that several commands share; each stands here once, so that it means the same everywhere.
import type { Experimental } from "../../engine/gpu/device.ts";
import type { PolicySettings } from "../../engine/rl/policy-trainer.ts";
import type { BatchSettings } from "../../engine/rl/batch-trainer.ts";
import { adapterRates, MICRO_TOKENS } from "./settings.ts";

/** A flag that must be given. */
export const required = <F extends object>(flag: F) => ({ ...flag, required: true } as const);

export const modelFlag = {
  type: "string",
  placeholder: "MODEL",
  help:
    "the model to start from: a folder, a run with one model, or a name on the Hugging Face hub",
} as const;

export const weightsFlag = {
  type: "string",
  choices: ["f32", "f16"],
  default: "f32",
  help: "what weights that are not trained are stored as; f16 takes half the memory",
} as const;

export const rewardFlag = {
  type: "string",
  placeholder: "MODEL",
  help: "a reward model, as scripts/reward.ts writes",
} as const;

/** What is not yet standard in WebGPU. */
export const experimentalFlags = {
  experimentalSubgroupMatrices: {
    type: "boolean",
    help: "uses Dawn's subgroup matrices, where the adapter has them, as one more variant",
  },
} as const;

/** What `openEngine` is asked for by them. */
export function experimentalOptions(
  { experimentalSubgroupMatrices }: { experimentalSubgroupMatrices: boolean },
): { experimental?: Experimental } {
  return experimentalSubgroupMatrices ? { experimental: { subgroupMatrices: true } } : {};
}

/** The data, and how it is read. */
export const dataFlags = {
  data: {
    type: "string",
    placeholder: "FILE",
    help: "the data: a file, a folder or a hub name, in any form of docs/data.md",
  },
  columns: {
    type: "string",
    placeholder: "NAMES",
    help: "which columns of the data are which, such as prompt=question,chosen=good",
  },
  skipBadRows: { type: "boolean", help: "leaves bad rows out and counts them" },
} as const;

export const resetsFlag = {
  type: "string",
  placeholder: "FILE",
  help: "prompts and responses that episodes are reset into; the data's best without it",
} as const;

export const seedFlag = {
  type: "integer",
  default: 1,
  min: 0,
  max: 0xffffffff,
  help: "seed of all random draws",
} as const;

/** How long prompts and responses may be. */
export const lengthFlags = {
  promptTokens: {
    type: "integer",
    default: 192,
    min: 2,
    help: "longest prompt, in tokens; a longer one is cut from the left",
  },
  responseTokens: {
    type: "integer",
    default: 128,
    min: 2,
    help: "longest response, in tokens; rows with a longer one are left out",
  },
} as const;

/** How much of the adapter's memory may be taken; WebGPU does not tell how much there is. */
export const memoryFlags = {
  memory: {
    type: "number",
    min: 0.001,
    help: "GiB of device memory that may be used: prints what a run takes, refuses what cannot fit",
  },
  microTokens: {
    type: "integer",
    min: 1,
    help: `tokens that pass through the model at a time; ${MICRO_TOKENS} without it`,
  },
} as const;

export const testPromptsFlag = {
  type: "integer",
  default: 32,
  min: 2,
  help: "at most so many held-out prompts to answer",
} as const;

/** How tokens are drawn. */
export const samplingFlags = {
  temperature: {
    type: "number",
    default: 1,
    min: 0,
    max: 100,
    help: "divides the logits; 0 takes the likeliest token",
  },
  topK: {
    type: "integer",
    default: 0,
    min: 0,
    help: "draws from so many likeliest tokens only; 0: from all",
  },
  topP: {
    type: "number",
    default: 1,
    min: 0.01,
    max: 1,
    help: "draws from the likeliest tokens that hold this share; 1: from all",
  },
  responseTokens: { type: "integer", default: 128, min: 1, help: "most tokens of an answer" },
} as const;

export const sharedTrunkFlag = {
  type: "boolean",
  help: "policy and critic share a trunk",
} as const;

/** How long a trainer with batches goes on. */
export function trainingFlags({ steps, batchSize, schedule }: BatchSettings) {
  return {
    steps: { type: "integer", default: steps, min: 1, help: "training steps" },
    batchSize: { type: "integer", default: batchSize, min: 1, help: "rows of a step" },
    learningRate: rateFlag(schedule.peak, adapterRates.supervised),
  } as const;
}

/** How policy optimization goes on. */
export function policyFlags({ klCoefficient, schedule, updates, episodes }: PolicySettings) {
  return {
    klCoefficient: {
      type: "number",
      default: klCoefficient,
      min: 0,
      help: "weight of the KL penalty in the reward",
    },
    updates: { type: "integer", default: updates, min: 1, help: "updates of the policy" },
    episodes: { type: "integer", default: episodes, min: 2, help: "episodes of an update" },
    learningRate: rateFlag(schedule.peak, adapterRates.policy),
  } as const;
}

function rateFlag(peak: number, adapters: number) {
  return {
    type: "number",
    min: 0,
    help: `highest learning rate; without it ${
      Number(peak.toPrecision(6))
    } at a width of 64, less for wider models, ${adapters} times as much for adapters`,
  } as const;
}
