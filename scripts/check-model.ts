// Compares a model, a folder or a name on the hub, with the numbers that PyTorch and transformers recorded beside it:
//
//   npx bun scripts/check-model.ts MODEL
//
// `expected.safetensors` holds logits, log-probabilities, the loss, every gradient and ten AdamW losses;
// `expected.json` holds a greedy continuation, encodings and log-probabilities. A folder may also hold a PEFT
// adapter: it is checked over the base model that its adapter_config.json names. Exits 1 beyond tolerance.
import "./host/failure.ts";
import process from "node:process";
import { isAdapter } from "../engine/nn/peft.ts";
import { readArguments } from "./host/arguments.ts";
import { openEngine } from "./host/engine.ts";
import { openFolder } from "./host/files.ts";
import { hubAccess } from "./host/hub/access.ts";
import { openBase } from "./lib/adapters.ts";
import { checkAdapter } from "./lib/adapter-check.ts";
import { modelFolder } from "./lib/model-folder.ts";
import { checkModel } from "./lib/model-check.ts";

const { positionals: [name] } = readArguments({
  usage: "npx bun scripts/check-model.ts",
  summary:
    "Compares a model (a folder or a hub name) with its expected.safetensors or expected.json.",
  flags: {},
  positionals: ["MODEL"],
});
const { engine } = await openEngine();
const recorded = ["expected.json", "expected.safetensors"];
const folder = openFolder(await modelFolder(name, hubAccess(), recorded));
const checks = await isAdapter(folder)
  ? await checkAdapter(engine, folder, await openBase(folder))
  : await checkModel(engine, folder);
for (const { group, worst, error, tolerance, count } of checks) {
  const verdict = error <= tolerance ? "ok  " : "FAIL";
  console.log(
    `${verdict} ${group.padEnd(18)} error ${
      error.toExponential(2)
    } (at most ${tolerance}) over ${count}, worst ${worst}`,
  );
}
engine.destroy();
process.exit(checks.every(({ error, tolerance }) => error <= tolerance) ? 0 : 1);
