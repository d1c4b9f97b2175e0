// The search for a WebGPU adapter: first what the machine has, then drivers to fetch.
import { rmSync } from "node:fs";
import { installLavapipe } from "./lavapipe.mjs";
import { cacheFolder } from "./paths.mjs";
import { probeAdapter } from "./probe.mjs";
import { isUsable } from "./record.mjs";
import { installSwiftshader } from "./swiftshader.mjs";

/** @typedef {import("./record.mjs").AdapterRecord} AdapterRecord */
/**
 * @typedef {object} Way one way to a driver
 * @property {string} label
 * @property {AdapterRecord["kind"]} kind what a software adapter found this way is
 * @property {() => Record<string, string>} prepare makes the driver ready; gives its environment
 */

/**
 * @param {AdapterRecord | undefined} stored what an earlier search found
 * @returns {AdapterRecord}
 * @throws {Error} with every way tried, why it failed, and what to do
 */
export function findAdapter(stored) {
  console.log("Searching for a WebGPU adapter …");
  const found = search(waysFor(process.platform, stored), probeAdapter);
  rmSync(cacheFolder, { recursive: true, force: true });
  return found;
}

/** @param {NodeJS.Platform} platform @param {AdapterRecord | undefined} stored @returns {Way[]} */
function waysFor(platform, stored) {
  /** @type {Way[]} */
  const ways = [{ label: "the installed drivers", kind: "installed", prepare: () => ({}) }];
  if (platform !== "linux") return ways;
  if (isUsable(stored) && stored.env.VK_DRIVER_FILES !== undefined) {
    ways.push({ label: "the driver fetched before", kind: stored.kind, prepare: () => stored.env });
  }
  ways.push({
    label: "Mesa's lavapipe through apt",
    kind: "lavapipe",
    prepare: announced(
      "Fetching Mesa's lavapipe from this machine's apt mirror …",
      installLavapipe,
    ),
  });
  ways.push({
    label: "SwiftShader from npm",
    kind: "swiftshader",
    prepare: announced("Fetching SwiftShader from npm (65 MiB) …", installSwiftshader),
  });
  return ways;
}

/** @param {string} line @param {() => Record<string, string>} prepare */
function announced(line, prepare) {
  return () => {
    console.log(line);
    return prepare();
  };
}

/**
 * The first way that leads to an adapter which computes.
 * @param {Way[]} ways
 * @param {(env: Record<string, string>) => { name: string, software: boolean }} probe throws when
 *   there is no adapter or it computes wrongly
 * @returns {AdapterRecord}
 */
export function search(ways, probe) {
  const reasons = [];
  for (const { label, kind, prepare } of ways) {
    try {
      const env = prepare();
      const { name, software } = probe(env);
      return { kind: software ? kind : "gpu", adapter: name, software, env };
    } catch (error) {
      const reason = `  - ${label}: ${error instanceof Error ? error.message : error}`;
      console.log(reason);
      reasons.push(reason);
    }
  }
  throw new Error(
    `No WebGPU adapter can be had. Tried:\n${reasons.join("\n")}\n` +
      "What to do: install a graphics driver with Vulkan (on Linux also the Vulkan loader; without" +
      ` a GPU Mesa's lavapipe, version 23 or newer), or give the machine access to its package` +
      " mirrors; then run `npm run setup`.",
  );
}

/** @param {AdapterRecord} record @returns {string} the line that every start shows */
export function describeAdapter({ adapter, software }) {
  if (!software) return `Adapter: ${adapter}`;
  return `Adapter: ${adapter}. It computes on the CPU, which is slow; for speed use a machine with a` +
    " GPU, install its Vulkan driver and run `npm run setup`.";
}
