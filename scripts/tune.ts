// Measures which kernels are the fastest on this adapter, and keeps the choices in the user's cache:
//
//   npx bun scripts/tune.ts [--model MODEL] [--rows 2048]
//
// A run uses them with --tuned, writes them into its config.json, and resumes with those.
import "./host/failure.ts";
import process from "node:process";
import { readArguments } from "./host/arguments.ts";
import { openEngine } from "./host/engine.ts";
import { storeTuning, tuningFile } from "./host/tuning.ts";
import { loadFrozen } from "./lib/adapters.ts";
import { experimentalFlags, experimentalOptions } from "./lib/flags.ts";
import { modelFolder } from "./lib/model-folder.ts";
import { storyteller } from "./lib/shared-data.ts";
import { tuneCase } from "./lib/tune.ts";
import { modelCases } from "./lib/tuning-cases.ts";

const options = readArguments({
  usage: "npx bun scripts/tune.ts",
  summary: "Measures which kernels are the fastest here, for the shapes of a model.",
  flags: {
    model: {
      type: "string",
      placeholder: "MODEL",
      help: "a folder, a run, or a name on the hub; the bundled model without it",
    },
    rows: { type: "integer", default: 2048, min: 1, help: "tokens of a training step's batch" },
    tokens: { type: "integer", default: 128, min: 1, help: "tokens of a sequence" },
    ...experimentalFlags,
  },
});

const { engine, adapter } = await openEngine(experimentalOptions(options));
const model = await loadFrozen(engine, await modelFolder(options.model ?? storyteller));

const choices: Record<string, string> = {};
for (const one of modelCases(model, options)) {
  const { name, fallback, largest } = one;
  if (largest > engine.bindingLimit) {
    const MiB = [largest, engine.bindingLimit].map((bytes) => Math.round(bytes / 2 ** 20));
    console.log(
      `${name.padEnd(32)} left out: an operand of ${MiB[0]} MiB, where this adapter binds ` +
        `${MiB[1]} MiB; lower --rows`,
    );
    continue;
  }
  const { choice, ratio } = await tuneCase(engine, one);
  choices[name] = choice;
  const gain = choice === fallback ? "the default" : `${ratio.toFixed(2)} × ${fallback}`;
  console.log(`${name.padEnd(32)} ${choice.padEnd(15)} ${gain}`);
}
storeTuning(adapter, choices);
console.log(`${adapter.name}: ${Object.keys(choices).length} choices in ${tuningFile(adapter)}`);
engine.destroy();
process.exit(0);
