// Where the choices that scripts/tune.ts measures are kept: a file per adapter in the user's cache.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { z } from "zod";
import type { Tuning } from "../../engine/gpu/engine.ts";
import type { AdapterDescription } from "./gpu.ts";

const storedSchema = z.object({
  adapter: z.record(z.string(), z.union([z.string(), z.boolean()])),
  tuning: z.record(z.string(), z.string()),
});

/** The file of an adapter; its name tells drivers and versions apart, for both change what is fast. */
export function tuningFile(adapter: AdapterDescription, env = process.env): string {
  const base = env.XDG_CACHE_HOME || join(homedir(), ".cache");
  const { name, vendor, architecture } = adapter;
  const slug = [vendor, architecture, name].join("-").toLowerCase().replace(/[^a-z0-9.]+/g, "-");
  return join(base, "homeport", "tuning", `${slug}.json`);
}

/** Adds choices to what is kept for this adapter. */
export function storeTuning(adapter: AdapterDescription, tuning: Tuning, env = process.env): void {
  const path = tuningFile(adapter, env);
  const kept = existsSync(path) ? readStored(path) : {};
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify({ adapter, tuning: { ...kept, ...tuning } }, null, 2) + "\n");
}

/** What was measured on this adapter. Throws where nothing was. */
export function storedTuning(adapter: AdapterDescription, env = process.env): Tuning {
  const path = tuningFile(adapter, env);
  if (existsSync(path)) return readStored(path);
  throw new Error(
    `nothing was measured yet on the adapter "${adapter.name}" (no file ${path}); ` +
      "run `npx bun scripts/tune.ts` first, or leave out --tuned",
  );
}

/** How a run was started. */
export interface TuningOptions {
  /** The run's folder, new or of an earlier run. */
  folder?: string;
  /** The file of --config, maybe the config.json of an earlier run. */
  config?: string;
  tuned: boolean;
}

/**
 * The choices that a run computes with; null: the untuned defaults. Other kernels add in another order, so an
 * earlier run's folder keeps its own whatever the command line says, and its config.json repeats them.
 */
export function tuningOfRun(
  { folder, config, tuned }: TuningOptions,
  adapter: AdapterDescription,
  env = process.env,
): Tuning | null {
  const own = folder && join(folder, "config.json");
  if (own && existsSync(own)) return recordedTuning(own);
  if (tuned) return storedTuning(adapter, env);
  return config ? recordedTuning(config) : null;
}

function recordedTuning(config: string): Tuning | null {
  return JSON.parse(readFileSync(config, "utf8")).tuning ?? null;
}

function readStored(path: string): Tuning {
  try {
    return storedSchema.parse(JSON.parse(readFileSync(path, "utf8"))).tuning;
  } catch (error) {
    throw new Error(
      `${path} does not hold what scripts/tune.ts writes (${
        error instanceof Error ? error.message : error
      }); delete it and run scripts/tune.ts again`,
    );
  }
}
