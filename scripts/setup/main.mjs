// The entry of `npm start`, `npm test` and `npm run setup`. Plain JavaScript for Node without
// dependencies, because it is what installs them.
//   node scripts/setup/main.mjs                 sets up: dependencies and a WebGPU adapter
//   node scripts/setup/main.mjs run FILE …      sets up, then runs FILE with Bun
//   node scripts/setup/main.mjs test …          sets up, then checks and tests; … goes to `bun test`
import { describeAdapter, findAdapter } from "./adapters.mjs";
import { runInPlace } from "./command.mjs";
import { bun, installDependencies } from "./dependencies.mjs";
import { isUsable, readAdapter, writeAdapter } from "./record.mjs";
import { runChecks } from "./test.mjs";
import { withDriver } from "./vulkan.mjs";

const usage = "Usage: node scripts/setup/main.mjs [run FILE [ARGUMENTS…] | test [ARGUMENTS…]]";

/** @param {string[]} args @returns {Promise<number>} the exit code */
async function main([command, ...args]) {
  const known = command === undefined || command === "test" || command === "run" && args.length > 0;
  if (!known) {
    console.error(usage);
    return 2;
  }
  await installDependencies();
  // A bare set-up searches anew, so that a driver installed since is found.
  const adapter = setUpAdapter(command === undefined);
  console.log(describeAdapter(adapter));
  const env = { ...withDriver(process.env, adapter.env), HOMEPORT_DRIVER: "1" };
  if (command === "run") return runInPlace(bun, args, { env });
  if (command === "test") return runChecks(args, env);
  return 0;
}

/** @param {boolean} anew @returns {import("./record.mjs").AdapterRecord} */
function setUpAdapter(anew) {
  const stored = readAdapter();
  // A process that already has the driver's variables cannot tell what the machine has without them.
  if (isUsable(stored) && (!anew || process.env.HOMEPORT_DRIVER !== undefined)) return stored;
  const found = findAdapter(stored);
  writeAdapter(found);
  return found;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
