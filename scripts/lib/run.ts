import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { readArguments } from "../host/arguments.ts";
import { createRunFolder, type RunFolder } from "../host/run-folder.ts";
import { applyOptions, bundledSettings, ownDataSettings, type RunSettings } from "./settings.ts";

/** What the command line decides; all of it stands in config.json, so a run can be resumed and repeated. */
export interface RunOptions {
  seed: number;
  data?: string;
  /** As given by --columns. */
  columns?: string;
  references?: string;
  resets?: string;
  chatTemplate?: string;
  model?: string;
  skipBadRows: boolean;
}

export interface OpenRun {
  folder: RunFolder;
  options: RunOptions;
  settings: RunSettings;
}

/** Reads the command line of the main script and opens the run folder, new or to be resumed. */
export function openRun(): OpenRun {
  const { run, resume, positionals: _, ...given } = readArguments({
    usage: "npm start --",
    summary:
      "Trains a reward model from preference pairs, then a policy by PPO and by DR-PO, and reports.",
    flags: {
      data: {
        type: "string",
        placeholder: "FILE",
        help: "preference data, a file or folder (docs/data.md); the bundled task without it",
      },
      columns: {
        type: "string",
        placeholder: "NAMES",
        help: "which columns of the data are which, such as prompt=question,chosen=good",
      },
      references: {
        type: "string",
        placeholder: "FILE",
        help: "prompts and responses for SFT and resets; the best responses of the data without it",
      },
      resets: {
        type: "string",
        placeholder: "FILE",
        help: "prompts and responses that episodes are reset into; the references without it",
      },
      model: {
        type: "string",
        placeholder: "MODEL",
        help: "a model folder or a name on the Hugging Face hub; the bundled model without it",
      },
      chatTemplate: {
        type: "string",
        placeholder: "FILE",
        help: "a Jinja template for chat messages; the model's own without it",
      },
      run: {
        type: "string",
        placeholder: "DIR",
        help: "the run folder; runs/<date-and-name> without it",
      },
      resume: {
        type: "string",
        placeholder: "DIR",
        help: "goes on with the run in this folder, with its settings",
      },
      seed: {
        type: "integer",
        default: 1,
        min: 0,
        max: 0xffffffff,
        help: "seed of all random draws",
      },
      skipBadRows: { type: "boolean", help: "leaves bad rows out and counts them" },
      beta: {
        type: "number",
        min: 0,
        max: 1,
        help: "probability that a DR-PO episode is reset into a reference",
      },
      klCoefficient: { type: "number", min: 0, help: "weight of the KL penalty in the reward" },
      learningRate: {
        type: "number",
        min: 0,
        help: "learning rate of PPO and DR-PO at their start",
      },
      sftSteps: { type: "integer", min: 1, help: "steps of SFT" },
      rewardSteps: { type: "integer", min: 1, help: "steps of the reward model" },
      updates: { type: "integer", min: 1, help: "updates of PPO and of DR-PO" },
      episodes: { type: "integer", min: 2, help: "episodes of an update" },
      responseTokens: { type: "integer", min: 2, help: "longest response, in tokens" },
      testPrompts: { type: "integer", min: 2, help: "at most so many test prompts" },
      sharedTrunk: { type: "boolean", help: "policy and critic share a trunk" },
    },
  });
  if (resume !== undefined) {
    if (
      process.argv.slice(2).some((word) => word.startsWith("--") && !word.startsWith("--resume"))
    ) {
      fail("--resume goes on with the run's own settings: leave out the other flags");
    }
    return resumed(resume);
  }
  const {
    data,
    columns,
    references,
    resets,
    model,
    chatTemplate,
    seed,
    skipBadRows,
    ...overrides
  } = given;
  if (data === undefined && (columns ?? references ?? resets ?? (skipBadRows || undefined))) {
    fail("--columns, --references, --resets and --skip-bad-rows belong to --data FILE");
  }
  const options = { data, columns, references, resets, model, chatTemplate, seed, skipBadRows };
  const defaults = data ? ownDataSettings(seed) : bundledSettings(seed);
  return {
    folder: createRunFolder({ dir: run, name: data ? "own-data" : "stories" }),
    options,
    settings: applyOptions(defaults, overrides),
  };
}

function resumed(dir: string): OpenRun {
  const file = join(dir, "config.json");
  if (!existsSync(file)) {
    fail(`--resume ${dir}: there is no config.json there; name the folder of an earlier run`);
  }
  const { options, settings } = JSON.parse(readFileSync(file, "utf8"));
  return { folder: createRunFolder({ dir, name: "" }), options, settings };
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
