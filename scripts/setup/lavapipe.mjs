// Mesa's software Vulkan driver, lavapipe, from the Debian mirror that this machine's apt names,
// unpacked and never installed.
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { installedVersions, isOlder, PrivateApt } from "./apt.mjs";
import { output } from "./command.mjs";
import { cacheFolder, driverFolder } from "./paths.mjs";
import { parseRelease, readSources, releaseMirrors } from "./sources.mjs";
import { driverEnvironment, missingLibraries } from "./vulkan.mjs";

/** The oldest Mesa that Dawn accepts. */
const oldestMesa = 23;
const wanted = ["mesa-vulkan-drivers", "libvulkan1"];
/** @typedef {import("./sources.mjs").Mirror} Mirror */
/** @typedef {import("./apt.mjs").Package} Package */

/**
 * Downloads and unpacks lavapipe with the Vulkan loader and the libraries that this machine lacks.
 * @returns {Record<string, string>} the environment that makes the Vulkan loader find it
 * @throws {Error} when there is no apt, no mirror, or no Mesa that is new enough
 */
export function installLavapipe() {
  if (!existsSync("/etc/apt")) throw new Error("this machine has no apt");
  const release = parseRelease(readFileSync("/etc/os-release", "utf8"));
  const mirrors = releaseMirrors(readSources("/etc/apt"), release);
  if (mirrors.length === 0) {
    throw new Error(
      `no mirror of ${release.codenames.join(" or ")} with component main in /etc/apt`,
    );
  }
  const reasons = [];
  for (const mirror of mirrors) {
    try {
      return installFrom(mirror);
    } catch (error) {
      reasons.push(`${mirror.uri}: ${error instanceof Error ? error.message : error}`);
    }
  }
  throw new Error(reasons.join("; "));
}

/** @param {Mirror} mirror */
function installFrom(mirror) {
  const apt = new PrivateApt(join(cacheFolder, "apt"));
  const suite = findMesa(apt, mirror);
  const packages = toUnpack(apt.closure(wanted, suite), installedVersions());
  const folder = join(driverFolder, "lavapipe");
  const archives = join(cacheFolder, "archives");
  for (const each of [folder, archives]) {
    rmSync(each, { recursive: true, force: true });
    mkdirSync(each, { recursive: true });
  }
  apt.download(packages, archives);
  for (const { file } of packages) output("dpkg-deb", ["-x", join(archives, file), folder]);

  const environment = driverEnvironment(folder, /^lvp_icd.*\.json$/);
  const missing = missingLibraries(environment);
  if (missing.length > 0) throw new Error(`lavapipe lacks ${missing.join(", ")}`);
  return environment;
}

/**
 * Looks for a Mesa that is new enough in the release, then in its backports.
 * @param {PrivateApt} apt @param {Mirror} mirror
 * @returns {string} the suite to take packages from
 */
function findMesa(apt, mirror) {
  const [suite] = mirror.suites;
  const found = [];
  for (const target of [suite, `${suite}-backports`]) {
    apt.update({ ...mirror, suites: [...new Set([...mirror.suites, target])] });
    const version = apt.candidate(wanted[0], target);
    if (version !== undefined && majorVersion(version) >= oldestMesa) return target;
    found.push(`${target} has ${version === undefined ? "no Mesa" : `Mesa ${version}`}`);
  }
  throw new Error(`Dawn needs Mesa ${oldestMesa} or newer, but ${found.join(", ")}`);
}

/**
 * The packages that are not installed, or only in a version older than the driver's own suite has.
 * The C library is the running system's: a second one in a process breaks it.
 * @param {Package[]} packages @param {Map<string, string>} installed
 */
export function toUnpack(packages, installed) {
  return packages.filter(({ name, version }) => {
    const have = installed.get(name);
    return name !== "libc6" && (have === undefined || isOlder(have, version));
  });
}

/** @param {string} version in Debian's form, e.g. "25.0.7-2~bpo12+1" or "1:25.0-1" */
export function majorVersion(version) {
  return Number.parseInt(version.replace(/^\d+:/, ""), 10);
}
