import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { progress } from "../progress.ts";

/** How the Hugging Face hub is reached and where its files are kept. */
export interface HubAccess {
  /** Address of the hub, without a slash at the end. */
  endpoint: string;
  /** Sent to the endpoint and to no other host. */
  token: string | null;
  /** Folder of `models--…` and `datasets--…`, shared with Python's huggingface_hub. */
  cache: string;
  /** Take what the cache holds and ask nobody. */
  offline: boolean;
  /** A connection that brings nothing for so long is given up. */
  stallSeconds: number;
  /** Whether a server has answered yet: a network that is lost later is waited for. */
  contact: { made: boolean };
  /** Waits between attempts. */
  pause(seconds: number): Promise<void>;
  /** Where a line about a retry or a cached copy goes. */
  say(line: string): void;
  /** Makes the progress bar of a download. */
  progress: typeof progress;
}

/** Access by the variables that Hugging Face's own tools read. */
export function hubAccess(env: Record<string, string | undefined> = process.env): HubAccess {
  const base = env.XDG_CACHE_HOME || join(homedir(), ".cache");
  const home = env.HF_HOME || join(base, "huggingface");
  return {
    endpoint: (env.HF_ENDPOINT || "https://huggingface.co").replace(/\/+$/, ""),
    token: readToken(env, home),
    cache: env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(home, "hub"),
    offline: /^(1|true|yes|on)$/i.test(env.HF_HUB_OFFLINE ?? ""),
    stallSeconds: 30,
    contact: { made: false },
    pause: (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds)),
    say: (line) => console.error(line),
    progress,
  };
}

/** The variables, else the file that `hf auth login` writes. */
function readToken(env: Record<string, string | undefined>, home: string): string | null {
  const given = env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN;
  const file = env.HF_TOKEN_PATH || join(home, "token");
  return (given ?? (existsSync(file) ? readFileSync(file, "utf8") : "")).trim() || null;
}
