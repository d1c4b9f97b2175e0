// Gives the running process the driver environment that set-up stored. A loader path counts only
// when it stands before the process starts, and native code does not see variables that JavaScript
// sets under Bun, so the process runs itself once more, with the variables in place.
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { endWithParent, runInPlace } from "../setup/command.mjs";
import { readAdapter } from "../setup/record.mjs";
import { lacksDriver, withDriver } from "../setup/vulkan.mjs";

/** Set in a process that has the driver environment, so that it never starts itself again. */
const guard = "HOMEPORT_DRIVER";
const commandLineFile = "/proc/self/cmdline";

/**
 * Runs the current process again, with the same arguments, when the adapter that set-up found needs
 * variables that this process lacks; then ends with the exit code of that run. Otherwise does
 * nothing. Call it before anything else in a script: `await ensureDriverEnvironment()`.
 * @throws {Error} when the stored record cannot be read or the process cannot start again
 */
export async function ensureDriverEnvironment(): Promise<void> {
  endWithParent();
  const driver = readAdapter()?.env ?? {};
  if (process.env[guard] !== undefined || !lacksDriver(process.env, driver)) return;
  // Only Linux has drivers to unpack. There the kernel keeps the command line as it was given;
  // `process.argv` lacks the runtime's own arguments, and all of them inside `bun test`.
  if (!existsSync(commandLineFile)) return;
  const args = parseCommandLine(readFileSync(commandLineFile, "utf8")).slice(1);
  const env = { ...withDriver(process.env, driver), [guard]: "1" };
  process.exit(await runInPlace(process.execPath, args, { env }));
}

/** Splits the NUL-terminated arguments of Linux's `/proc/…/cmdline`; empty arguments are kept. */
export function parseCommandLine(text: string): string[] {
  return text.replace(/\0$/, "").split("\0");
}
