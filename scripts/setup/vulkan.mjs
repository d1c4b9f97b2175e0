// From an unpacked Vulkan driver to the environment variables that make the loader find it.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { output } from "./command.mjs";

/**
 * Points a driver manifest at the library that lies beside it in the unpacked tree.
 * @param {string} text the manifest (ICD JSON) @param {string} library absolute path of the driver
 */
export function rewriteManifest(text, library) {
  const manifest = JSON.parse(text);
  manifest.ICD.library_path = library;
  return JSON.stringify(manifest, null, 2) + "\n";
}

/**
 * Rewrites the manifest in place and returns the environment for it.
 * @param {string} folder where the driver and its libraries are unpacked
 * @param {RegExp} manifestName which manifest to use
 * @returns {Record<string, string>}
 * @throws {Error} when the manifest, its driver or the loader is not there
 */
export function driverEnvironment(folder, manifestName) {
  const files = filesUnder(folder);
  const manifest = files.find((file) => manifestName.test(basename(file)));
  if (manifest === undefined) throw new Error(`no driver manifest ${manifestName} in ${folder}`);
  const text = readFileSync(manifest, "utf8");
  const wanted = basename(JSON.parse(text).ICD.library_path);
  const library = files.find((file) => basename(file) === wanted);
  if (library === undefined) throw new Error(`no driver library ${wanted} in ${folder}`);
  writeFileSync(manifest, rewriteManifest(text, library));
  const libraries = files.filter((file) => /\.so(\.\d+)*$/.test(file));
  return {
    VK_ICD_FILENAMES: manifest, // the name that loaders before 1.3.207 read
    VK_DRIVER_FILES: manifest,
    LD_LIBRARY_PATH: [...new Set(libraries.map(dirname))].sort().join(":"),
  };
}

/** @param {string} folder @returns {string[]} absolute paths of all that lies in it, sorted */
function filesUnder(folder) {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names.map((name) => join(folder, name)).sort();
}

/**
 * An environment with the driver's variables added; its libraries go before those already named.
 * @param {Record<string, string | undefined>} env @param {Record<string, string>} driver
 * @returns {Record<string, string | undefined>}
 */
export function withDriver(env, driver) {
  const { LD_LIBRARY_PATH: libraries, ...rest } = driver;
  if (libraries === undefined) return { ...env, ...rest };
  const path = [libraries, env.LD_LIBRARY_PATH].filter((part) => part).join(":");
  return { ...env, ...rest, LD_LIBRARY_PATH: path };
}

/**
 * Whether an environment lacks what the driver needs. Someone who chose a Vulkan driver by hand
 * keeps it.
 * @param {Record<string, string | undefined>} env @param {Record<string, string>} driver
 */
export function lacksDriver(env, driver) {
  const { LD_LIBRARY_PATH: libraries = "", VK_DRIVER_FILES: manifest } = driver;
  const chosen = env.VK_DRIVER_FILES ?? env.VK_ICD_FILENAMES;
  if (manifest === undefined || (chosen !== undefined && chosen !== manifest)) return false;
  const path = (env.LD_LIBRARY_PATH ?? "").split(":");
  return chosen === undefined || !libraries.split(":").every((folder) => path.includes(folder));
}

/**
 * Libraries that the driver needs and the dynamic linker does not find.
 * @param {Record<string, string>} driver its environment @returns {string[]}
 */
export function missingLibraries(driver) {
  const library = JSON.parse(readFileSync(driver.VK_DRIVER_FILES, "utf8")).ICD.library_path;
  const lines = output("ldd", [library], { env: withDriver(process.env, driver) }).split("\n");
  return lines.filter((line) => line.includes("not found")).map((line) => line.trim());
}
