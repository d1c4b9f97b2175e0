// The checks of `npm test`. The tests come last, so that their counts are the closing lines.
import { runInPlace } from "./command.mjs";
import { bun, deno, typescript } from "./dependencies.mjs";
import { root } from "./paths.mjs";

/**
 * @param {string[]} args for `bun test`, e.g. a folder of tests
 * @param {Record<string, string | undefined>} env with the driver's variables
 * @returns {Promise<number>} 0 when all pass
 */
export async function runChecks(args, env) {
  const options = { cwd: root, env: { ...env, DENO_NO_UPDATE_CHECK: "1" } };
  const checks = {
    "type check": [typescript, "--noEmit"],
    "formatting": [deno, "fmt", "--check"],
    "lint": [deno, "lint"],
  };
  const failed = [];
  for (const [name, command] of Object.entries(checks)) {
    const start = performance.now();
    const code = await runInPlace(process.execPath, command, options);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${name}: ${code === 0 ? "passed" : `FAILED (exit code ${code})`} in ${seconds} s`);
    if (code !== 0) failed.push(name);
  }
  if (failed.length > 0) console.log(`npm test will fail because of: ${failed.join(", ")}`);
  // A software driver compiles kernels on first use, which outlasts the default of five seconds.
  const code = await runInPlace(bun, ["test", "--timeout", "120000", ...args], options);
  return code !== 0 ? code : failed.length > 0 ? 1 : 0;
}
