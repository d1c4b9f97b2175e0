import type { Arguments } from "../host/arguments.ts";
import { ArgumentError } from "../host/arguments.ts";
import { type OpenRun, openRun } from "./command.ts";
import { rowFlags, seedFlag, sharedTrunkFlag } from "./flags.ts";
import {
  applyOptions,
  bundledSettings,
  forWidth,
  ownDataSettings,
  type RunSettings,
} from "./settings.ts";

const flags = {
  data: {
    type: "string",
    placeholder: "FILE",
    help: "preference pairs as JSON lines (also .gz); the bundled task without it",
  },
  references: {
    type: "string",
    placeholder: "FILE",
    help: "JSON lines of prompt and response for SFT and resets; the chosen responses without it",
  },
  model: {
    type: "string",
    placeholder: "FOLDER",
    help: "a Hugging Face model folder; the bundled model without it",
  },
  seed: seedFlag,
  ...rowFlags,
  beta: {
    type: "number",
    min: 0,
    max: 1,
    help: "probability that a DR-PO episode is reset into a reference",
  },
  klCoefficient: { type: "number", min: 0, help: "weight of the KL penalty in the reward" },
  learningRate: { type: "number", min: 0, help: "learning rate of PPO and DR-PO at their start" },
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
  const { data, references, skipBadRows } = run.options;
  if (data === undefined && (references !== undefined || skipBadRows)) {
    throw new ArgumentError("--references and --skip-bad-rows belong to --data FILE");
  }
  return run;
}

/** The settings for a model of so many hidden units, with the values that the command line gives. */
export function mainSettings(options: Arguments<typeof flags>, width: number): RunSettings {
  const { data, seed } = options;
  const defaults = data ? ownDataSettings(seed) : bundledSettings(seed);
  return applyOptions(forWidth(defaults, width), options);
}
