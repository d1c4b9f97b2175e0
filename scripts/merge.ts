// Adds an adapter into the weights of its base model, for programs that know no adapters:
//
//   npx bun scripts/merge.ts ADAPTER OUT
import "./host/failure.ts";
import { existsSync } from "node:fs";
import process from "node:process";
import { mergeAdapter } from "../engine/nn/merge.ts";
import { isAdapter } from "../engine/nn/peft.ts";
import { openEngine } from "./host/engine.ts";
import { openFolder } from "./host/files.ts";
import { loadFrozen } from "./lib/adapters.ts";
import { openCommand } from "./lib/command.ts";
import { modelFolder } from "./lib/model-folder.ts";
import { writeModel } from "./lib/save-model.ts";

const { options: { positionals: [name, out] }, output } = openCommand({
  name: "merge",
  summary: "Writes the base model of a PEFT adapter with the adapter merged into its weights.",
  flags: {},
  positionals: ["ADAPTER", "OUT"],
});
if (existsSync(out)) throw new Error(`${out} is there already; name a new folder for the model`);
const { engine } = await openEngine();
const path = await modelFolder(name);
if (!await isAdapter(openFolder(path))) {
  throw new Error(`${path} holds no adapter_config.json; name the folder of an adapter`);
}
const merged = mergeAdapter(await loadFrozen(engine, path), { trainable: false });
await writeModel(out, merged, { name, path });
const { count } = merged.parameters;
output.result(`${out}: ${count.toLocaleString("en")} weights`, {
  command: "merge",
  model: out,
  weights: count,
});
engine.destroy();
process.exit(0);
