// Asks for an adapter in a process of its own, so that a driver that crashes or hangs ends only that.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { withDriver } from "./vulkan.mjs";

const program = fileURLToPath(new URL("probe-adapter.mjs", import.meta.url));
const secondsToAnswer = 60;

/**
 * The adapter that Dawn finds with the driver's environment, after a test computation.
 * @param {Record<string, string>} driver
 * @returns {{ name: string, software: boolean }}
 * @throws {Error} when there is none, it computes wrongly, or its driver crashes or hangs
 */
export function probeAdapter(driver) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [program], {
    encoding: "utf8",
    env: withDriver(process.env, driver),
    timeout: secondsToAnswer * 1000,
    killSignal: "SIGKILL",
  });
  if (status === 0) return JSON.parse(stdout);
  const ending = signal === "SIGKILL" ? `no answer in ${secondsToAnswer} s` : `ended by ${signal}`;
  const messages = [signal === null ? [] : ending, usefulLines(stderr)].flat();
  throw new Error(messages.join("; "));
}

/**
 * Dawn's messages without places in its source and two warnings that it gives for every adapter.
 * @param {string} text
 */
export function usefulLines(text) {
  const harmless = /^Warning: maxDynamic\w+ artificially reduced|^\s+at /;
  return text.split("\n").filter((line) => line.trim() !== "" && !harmless.test(line));
}
