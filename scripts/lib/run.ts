import type { LoraOptions } from "../../engine/nn/adapter.ts";
import type { Model } from "../../engine/nn/model.ts";
import { ArgumentError, type Arguments } from "../host/arguments.ts";
import { type OpenRun, openRun } from "./command.ts";
import { loraFlags } from "./adapters.ts";
import {
  dataFlags,
  memoryFlags,
  modelFlag,
  policyFlags,
  resetsFlag,
  seedFlag,
  sharedTrunkFlag,
  weightsFlag,
} from "./flags.ts";
import { applyOptions } from "./overrides.ts";
import { bundledSettings, forModel, ownDataSettings, type RunSettings } from "./settings.ts";

const { learningRate } = policyFlags(bundledSettings(1).policy);
const flags = {
  model: { ...modelFlag, help: `${modelFlag.help}; the bundled one without it` },
  ...dataFlags,
  data: { ...dataFlags.data, help: `${dataFlags.data.help}; the bundled task without it` },
  references: {
    type: "string",
    placeholder: "FILE",
    help: "prompts and responses for SFT and resets; the best responses of the data without it",
  },
  resets: resetsFlag,
  ...loraFlags,
  weights: weightsFlag,
  ...memoryFlags,
  seed: seedFlag,
  beta: {
    type: "number",
    min: 0,
    max: 1,
    help: "probability that a DR-PO episode is reset into a reference",
  },
  klCoefficient: { type: "number", min: 0, help: "weight of the KL penalty in the reward" },
  learningRate: { ...learningRate, help: `of PPO and DR-PO: ${learningRate.help}` },
  sftSteps: { type: "integer", min: 1, help: "steps of SFT" },
  rewardSteps: { type: "integer", min: 1, help: "steps of the reward model" },
  updates: { type: "integer", min: 1, help: "updates of PPO and of DR-PO" },
  episodes: { type: "integer", min: 2, help: "episodes of an update" },
  responseTokens: { type: "integer", min: 2, help: "longest response, in tokens" },
  testPrompts: { type: "integer", min: 2, help: "at most so many test prompts" },
  sharedTrunk: sharedTrunkFlag,
} as const;

/** Reads the command line of the main script. */
export function openMainRun(): OpenRun<typeof flags> {
  const run = openRun({
    name: "main",
    usage: "npm start --",
    summary:
      "Trains a reward model from preference pairs, then a policy by PPO and by DR-PO, and reports.",
    flags,
  });
  const { data, columns, references, resets, skipBadRows } = run.options;
  if (data === undefined && (columns ?? references ?? resets ?? (skipBadRows || undefined))) {
    throw new ArgumentError(
      "--columns, --references, --resets and --skip-bad-rows belong to --data FILE",
    );
  }
  return run;
}

/** The settings for a model, with the values that the command line gives. */
export function mainSettings(
  options: Arguments<typeof flags>,
  base: Model,
  lora: LoraOptions | null,
): RunSettings {
  const { data, seed } = options;
  const defaults = data ? ownDataSettings(seed) : bundledSettings(seed);
  return applyOptions(forModel(defaults, base, lora), options);
}
