// Installs the npm packages when they are missing or are not those of the lock file.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { npm, output, runInPlace } from "./command.mjs";
import { root } from "./paths.mjs";

/** The programs that the packages bring; named in full, so that they also start on Windows. */
export const bun = join(root, "node_modules/bun/bin/bun.exe");
export const deno = join(root, "node_modules/deno/bin.cjs");
export const typescript = join(root, "node_modules/typescript/bin/tsc");

/** @typedef {{ packages: Record<string, { version?: string, optional?: boolean }> }} LockFile */

/** @throws {Error} when npm fails or the installed Bun or Deno does not run */
export async function installDependencies() {
  const lock = readLock("package-lock.json");
  const installed = readLock("node_modules/.package-lock.json"); // npm's record of what is there
  if (lock !== undefined && installed !== undefined && isInstalled(lock, installed)) return;
  console.log("Installing the dependencies with `npm ci` …");
  const [program, args, options] = npm(["ci"]);
  const code = await runInPlace(program, args, { cwd: root, ...options });
  if (code !== 0) {
    throw new Error(
      `npm ci failed with exit code ${code}, for the reason above. It needs the npm registry` +
        " (see `npm config get registry`); put that right and start again.",
    );
  }
  checkPrograms();
}

/** @param {string} name @returns {LockFile | undefined} */
function readLock(name) {
  const file = join(root, name);
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
}

/**
 * Whether all that the lock file asks for is installed; optional packages, such as those for other
 * platforms, may be absent.
 * @param {LockFile} lock package-lock.json @param {LockFile} installed npm's record in node_modules
 */
export function isInstalled(lock, installed) {
  const wanted = Object.entries(lock.packages).filter(([path]) => path !== "");
  return wanted.every(([path, { version, optional = false }]) => {
    const found = installed.packages[path];
    return found === undefined ? optional : found.version === version;
  });
}

/** npm may hold back install scripts, and Bun's package puts its program in place with one. */
function checkPrograms() {
  if (!runs(bun, ["--version"])) {
    output(process.execPath, ["install.js"], { cwd: join(root, "node_modules/bun") });
  }
  output(bun, ["--version"]);
  output(process.execPath, [deno, "--version"]); // puts itself in place when it first runs
}

/** @param {string} program @param {string[]} args */
function runs(program, args) {
  try {
    output(program, args);
    return true;
  } catch {
    return false;
  }
}
