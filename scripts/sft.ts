// Supervised fine-tuning on good responses: references, or the chosen side of preference pairs.
//
//   npx bun scripts/sft.ts --model MODEL --data FILE
//
// The model is in models/sft of the run folder; how likely it finds held-out responses, in results.json.
import "./host/failure.ts";
import process from "node:process";
import type { Model } from "../engine/nn/model.ts";
import { meanLogProbability } from "../engine/rl/sft.ts";
import { openEngine } from "./host/engine.ts";
import { duration } from "./host/progress.ts";
import { checkLora, loraFlags, loraOptions } from "./lib/adapters.ts";
import { openRun } from "./lib/command.ts";
import { dataCounts, needPrompts, needResponses, readTask } from "./lib/command-task.ts";
import {
  dataFlags,
  lengthFlags,
  memoryFlags,
  modelFlag,
  required,
  seedFlag,
  trainingFlags,
  weightsFlag,
} from "./lib/flags.ts";
import { loadPolicy } from "./lib/load-model.ts";
import { planMemory, planSft } from "./lib/memory-plan.ts";
import { trainSft } from "./lib/phases.ts";
import { saveModel } from "./lib/save-model.ts";
import { withTraining } from "./lib/overrides.ts";
import { forModel, ownDataSettings } from "./lib/settings.ts";
import { align } from "./report/table.ts";

const { options, output, start } = openRun({
  name: "sft",
  summary: "Fine-tunes a model on good responses.",
  flags: {
    model: required(modelFlag),
    ...dataFlags,
    data: required(dataFlags.data),
    ...loraFlags,
    weights: weightsFlag,
    ...lengthFlags,
    ...trainingFlags(ownDataSettings(1).sft),
    ...memoryFlags,
    seed: seedFlag,
  },
});
const { engine, adapter } = await openEngine(options);
const { seed } = options;
const model = await loadPolicy(engine, "--model", options.model, options);
const lora = loraOptions(options);
checkLora("--model", model.base, lora);
const task = await readTask({ ...options, pairsOptional: true }, model, output);
needResponses(task, options);
needPrompts(task.test, options);
const defaults = forModel(ownDataSettings(seed), model.base, lora).sft;
const settings = withTraining(defaults, options);
await planMemory(
  options,
  output,
  engine,
  (plan) => planSft(plan, plan.model(model.base), task.references, settings, lora),
);
const folder = start(engine, adapter, settings);

const place = { folder, progress: output.progress };
const { model: sft, seconds } = await trainSft(place, model.base, task.references, settings, lora);
await saveModel(folder, "sft", sft, model);

// Nats per token of held-out responses, before and after.
const heldOut = task.test.map((row) => ({ ...row, responseIds: row.referenceIds }));
const loss = async (of: Model) => -await meanLogProbability(of, heldOut, settings.microTokens);
const results = {
  command: "sft",
  model: `${folder.path}/models/sft`,
  heldOut: heldOut.length,
  heldOutLoss: { before: await loss(model.base), after: await loss(sft) },
  seconds: Math.round(seconds * 10) / 10,
  data: dataCounts(task),
};
folder.results(results);
const { before, after } = results.heldOutLoss;
output.result(
  align([
    [`Loss on ${heldOut.length} held-out responses`, "before", "after"],
    ["nats per token", before.toFixed(3), after.toFixed(3)],
  ]) + `\n\n${results.model}, after ${duration(seconds)}`,
  results,
);
engine.destroy();
process.exit(0);
