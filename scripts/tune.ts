// Measures which kernels are the fastest on this adapter, and keeps the choices in the user's cache:
//
//   npx bun scripts/tune.ts [--model FOLDER] [--rows 2048]
//
// A run uses them with --tuned, writes them into its config.json, and resumes with those.
import "./host/failure.ts";
import { fileURLToPath } from "node:url";
import process from "node:process";
import { readArguments } from "./host/arguments.ts";
import { openEngine } from "./host/engine.ts";
import { storeTuning, tuningFile } from "./host/tuning.ts";
import { experimentalFlags, experimentalOptions } from "./lib/flags.ts";
import { loadTextModel } from "./lib/load-model.ts";
import {
  attentionCase,
  decodingCase,
  productCases,
  reductionCase,
  tuneCase,
  type TuningCase,
} from "./lib/tune.ts";

const DECODED_ROWS = [1, 16, 64];

const options = readArguments({
  usage: "npx bun scripts/tune.ts",
  summary: "Measures which kernels are the fastest here, for the shapes of a model.",
  flags: {
    model: {
      type: "string",
      placeholder: "FOLDER",
      help: "a Hugging Face model folder; the bundled model without it",
    },
    rows: { type: "integer", default: 2048, min: 1, help: "tokens of a training step's batch" },
    tokens: { type: "integer", default: 128, min: 1, help: "tokens of a sequence" },
    ...experimentalFlags,
  },
});
const { model: path, rows, tokens } = options;

const { engine, adapter } = await openEngine(experimentalOptions(options));
const folder = path ?? fileURLToPath(new URL("../data/storyteller", import.meta.url));
const { base: { config, parameters } } = await loadTextModel(engine, folder);
const heads = {
  heads: config.heads,
  keyHeads: config.keyValueHeads,
  headSize: config.headSize,
};
const cases = new Map<string, TuningCase>();
const add = (found: TuningCase[]) => found.forEach((one) => cases.set(one.name, one));
for (const name of parameters.names) {
  const { shape } = parameters.get(name);
  if (shape.length !== 2) continue;
  add(productCases(engine, rows, shape));
  add(DECODED_ROWS.map((decoded) => decodingCase(engine, decoded, shape)));
}
add([attentionCase(engine, heads, tokens), reductionCase(engine, rows, config.vocabulary)]);

const choices: Record<string, string> = {};
for (const [name, one] of cases) {
  const { choice, ratio } = await tuneCase(engine, one);
  choices[name] = choice;
  const gain = choice === one.fallback ? "the default" : `${ratio.toFixed(2)} × ${one.fallback}`;
  console.log(`${name.padEnd(32)} ${choice.padEnd(15)} ${gain}`);
}
storeTuning(adapter, choices);
console.log(`${adapter.name}: ${cases.size} choices in ${tuningFile(adapter)}`);
engine.destroy();
process.exit(0);
