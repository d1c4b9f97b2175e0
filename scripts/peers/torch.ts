import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Command } from "./remote.ts";

/** PyTorch on the CPU, as the python3 of this machine has it; undefined where it does not. */
export function torchCommand(): Command | undefined {
  const { status } = spawnSync("python3", ["-c", "import torch"], { stdio: "ignore" });
  if (status !== 0) return undefined;
  return { file: "python3", args: [fileURLToPath(new URL("./torch_peer.py", import.meta.url))] };
}
