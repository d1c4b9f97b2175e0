import process from "node:process";
import { output } from "../setup/command.mjs";
import { deno } from "../setup/dependencies.mjs";
import { root } from "../setup/paths.mjs";

/** Runs a script in Deno, with this process's driver environment, and returns the JSON it prints last. */
export function runInDeno(script: string, words: readonly string[] = []): unknown {
  const args = [deno, "run", "--unstable-webgpu", "--allow-all", "--no-prompt", script, ...words];
  const printed = output(process.execPath, args, {
    cwd: root,
    env: { ...process.env, DENO_NO_UPDATE_CHECK: "1" },
  });
  return JSON.parse(printed.trim().split("\n").at(-1)!);
}
