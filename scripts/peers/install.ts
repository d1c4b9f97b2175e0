// Brings the peers into a folder that git ignores: they are measured beside, never shipped or imported elsewhere.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../.homeport/peers/", import.meta.url));
const manifest = JSON.stringify(
  {
    private: true,
    dependencies: {
      "@jax-js/jax": "0.1.25",
      "@tensorflow/tfjs": "4.22.0",
      "@tensorflow/tfjs-backend-webgpu": "4.22.0",
    },
  },
  null,
  2,
);

/**
 * Installs the peers where they are not there yet, in the versions named above.
 * @throws {Error} when npm fails
 */
export function installPeers(say: (line: string) => void): void {
  const written = `${folder}package.json`, done = `${folder}installed.json`;
  if (existsSync(done) && readFileSync(done, "utf8") === manifest) return;
  say(`Installing jax-js and tfjs into ${folder} (330 MB) …`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(written, manifest);
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const args = ["install", "--no-audit", "--no-fund", "--ignore-scripts"];
  const { status, error, stderr } = spawnSync(npm, args, { cwd: folder, encoding: "utf8" });
  if (status !== 0) {
    throw new Error(
      `npm could not install the peers into ${folder}: ${error?.message ?? stderr.trim()}`,
    );
  }
  writeFileSync(done, manifest);
}

/** A module of the peers' folder; its types are the caller's, for nothing of it is there to compile against. */
export function importPeer<Module>(name: string): Module {
  return createRequire(`${folder}package.json`)(name) as Module;
}
