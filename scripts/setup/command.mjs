// Runs other programs, for their output or in the place of this one.
import { spawn, spawnSync } from "node:child_process";
import os from "node:os";

/**
 * Runs a program to its end and returns what it printed.
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string | undefined>, shell?: boolean }} [options]
 * @returns {string} standard output
 * @throws {Error} with the command and the end of its error output, when it cannot start or fails
 */
export function output(program, args, options = {}) {
  const result = spawnSync(program, args, {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    ...options,
    env: { ...process.env, LC_ALL: "C", ...options.env },
  });
  if (result.status === 0) return result.stdout;
  const ending = result.signal ? `was ended by ${result.signal}` : `exited with ${result.status}`;
  const cause = result.error?.message ?? `${ending}: ${lastLines(result.stderr)}`;
  throw new Error(`${[program, ...args].join(" ").slice(0, 200)}: ${cause}`);
}

/** @param {string} text */
function lastLines(text) {
  return text.trim().split("\n").slice(-3).join(" | ");
}

/** Names the process that waits for this one, in the environment that `runInPlace` gives. */
const parentVariable = "HOMEPORT_PARENT";

/**
 * Lets this process end soon after the one that runs it in its place. A kill that nobody can hand on (SIGKILL)
 * would leave it at work unseen, on files that the next start takes up.
 */
export function endWithParent() {
  const parent = Number(process.env[parentVariable]);
  if (process.ppid !== parent) return;
  setInterval(() => process.ppid === parent || process.exit(1), 1000).unref();
}

/**
 * Runs a program with this one's terminal, hands signals on to it and waits for its end.
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string | undefined>, shell?: boolean }} [options]
 * @returns {Promise<number>} its exit code; 128 + number for a program ended by a signal
 */
export function runInPlace(program, args, options = {}) {
  const env = { ...(options.env ?? process.env), [parentVariable]: String(process.pid) };
  const child = spawn(program, args, { stdio: "inherit", ...options, env });
  /** @type {NodeJS.Signals[]} */
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  const forward = (/** @type {NodeJS.Signals} */ signal) => void child.kill(signal);
  for (const signal of signals) process.on(signal, forward);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      for (const name of signals) process.off(name, forward);
      resolve(code ?? 128 + signalNumber(signal));
    });
  });
}

/** @param {NodeJS.Signals | null} signal */
function signalNumber(signal) {
  return signal === null ? 0 : os.constants.signals[signal];
}

/**
 * How to call npm: as the script of the npm that runs this one, or by name.
 * @param {string[]} args
 * @returns {[string, string[], { shell?: boolean }]} program, arguments and options for spawning
 */
export function npm(args) {
  const script = process.env.npm_execpath ?? "";
  if (/npm-cli\.c?js$/.test(script)) return [process.execPath, [script, ...args], {}];
  return ["npm", args, { shell: process.platform === "win32" }]; // npm is a shell script there
}
