import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Engine } from "../../engine/gpu/engine.ts";
import { ArgumentError, type Arguments, type Flag, readArguments } from "../host/arguments.ts";
import { readConfigFile } from "../host/config-file.ts";
import type { AdapterDescription } from "../host/gpu.ts";
import { kebab } from "../host/help.ts";
import { openOutput, type Output } from "../host/output.ts";
import { tuningOfRun } from "../host/tuning.ts";
import { createRunFolder, type RunFolder } from "../host/run-folder.ts";

export interface CommandDescription<Flags extends Record<string, Flag>> {
  /** The script's name without `.ts`; it stands in the run's config.json. */
  name: string;
  /** How it is started, where not as `npx bun scripts/<name>.ts`. */
  usage?: string;
  summary: string;
  flags: Flags;
  /** Names of the values given without a flag, in order; all of them are required. */
  positionals?: readonly string[];
  /** The key of a flag whose value may stand without the flag too. */
  bare?: string;
}

const programFlags = {
  config: {
    type: "string",
    placeholder: "FILE",
    help: "JSON with flags by their camelCase names, or the config.json of a run; flags win",
  },
  quiet: { type: "boolean", help: "prints the result only" },
  json: { type: "boolean", help: "prints the result as JSON, and all else to stderr" },
} as const;

const runFlags = {
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
  tuned: {
    type: "boolean",
    help:
      "computes with the kernels that scripts/tune.ts measured here, if the folder has no others",
  },
} as const;

/** Reads the command line and the config file of a command that writes no run folder. */
export function openCommand<const Flags extends Record<string, Flag>>(
  description: CommandDescription<Flags>,
): { options: Arguments<Flags & typeof programFlags>; output: Output } {
  const { name, usage = `npx bun scripts/${name}.ts` } = description;
  const flags = { ...description.flags, ...programFlags };
  const options = readArguments<Flags & typeof programFlags>(
    { ...description, usage, flags },
    (given) => preset(name, flags, given),
  );
  return { options, output: openOutput(options) };
}

function preset(
  name: string,
  flags: Record<string, Flag>,
  given: Record<string, unknown>,
): Record<string, unknown> {
  const resume = given["resume"] as string | undefined;
  if (resume === undefined) {
    return given["config"] ? readConfigFile(given["config"] as string, name, flags) : {};
  }
  const other = Object.keys(given).find((key) => !["resume", "quiet", "json"].includes(key));
  if (other) {
    throw new ArgumentError(
      `--resume goes on with the run's own settings: leave out --${kebab(other)}.`,
    );
  }
  const file = join(resume, "config.json");
  if (existsSync(file)) return readConfigFile(file, name, flags);
  throw new ArgumentError(
    `--resume ${resume}: there is no config.json there; name the folder of an earlier run.`,
  );
}

export interface OpenRun<Flags extends Record<string, Flag>> {
  options: Arguments<Flags & typeof programFlags & typeof runFlags>;
  output: Output;
  /**
   * Opens the run folder, new or to be resumed, and writes the config.json that repeats the run. Called when
   * model and data have been read, so that a start that fails leaves no folder and `runs/latest` as it was.
   */
  start(engine: Engine, adapter: AdapterDescription, settings: object): RunFolder;
}

type ProgramOptions = Arguments<typeof programFlags & typeof runFlags>;

/** Reads the command line and the config file of a command that writes a run folder. */
export function openRun<const Flags extends Record<string, Flag>>(
  description: CommandDescription<Flags>,
): OpenRun<Flags> {
  const { name } = description;
  const { options, output } = openCommand<Flags & typeof runFlags>({
    ...description,
    flags: { ...description.flags, ...runFlags },
  });
  const { run, resume, ...given } = options as ProgramOptions;
  const start = (engine: Engine, adapter: AdapterDescription, settings: object) => {
    const dir = resume ?? run;
    engine.tuning = tuningOfRun({ folder: dir, ...given }, adapter);
    const folder = createRunFolder({ dir, name });
    // How the command was started is no part of what it computes.
    const kept = Object.entries(options).filter(([key]) => key in description.flags);
    folder.config({
      command: name,
      options: Object.fromEntries(kept),
      settings,
      adapter,
      features: engine.features,
      tuning: engine.tuning,
      versions: process.versions,
    });
    return folder;
  };
  return { options, output, start };
}
