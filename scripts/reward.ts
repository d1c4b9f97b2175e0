// A reward model from preference pairs:
//
//   npx bun scripts/reward.ts --model SFT-MODEL --data FILE
//
// It is in models/reward of the run folder, with its accuracy on held-out pairs beside that of two rules a
// reward model must beat: the longer response wins, and a bag of words.
import "./host/failure.ts";
import process from "node:process";
import { rankByLength } from "../engine/rl/reward-model.ts";
import { clusteredMean } from "../engine/rl/statistics.ts";
import { openEngine } from "./host/engine.ts";
import { BagOfWords } from "./lib/bag-of-words.ts";
import { checkLora, loraFlags, loraOptions } from "./lib/adapters.ts";
import { openRun } from "./lib/command.ts";
import { dataCounts, needPairs, readTask } from "./lib/command-task.ts";
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
import { planMemory, planReward } from "./lib/memory-plan.ts";
import { rankHeldOut, trainReward } from "./lib/phases.ts";
import { saveModel } from "./lib/save-model.ts";
import { withTraining } from "./lib/overrides.ts";
import { forModel, ownDataSettings } from "./lib/settings.ts";
import { formatEstimate } from "./report/measures.ts";
import { align } from "./report/table.ts";

const { options, output, start } = openRun({
  name: "reward",
  summary: "Trains a reward model on preference pairs and tests it on held-out ones.",
  flags: {
    model: required(modelFlag),
    ...dataFlags,
    data: required(dataFlags.data),
    ...loraFlags,
    weights: weightsFlag,
    ...lengthFlags,
    ...trainingFlags(ownDataSettings(1).reward),
    ...memoryFlags,
    seed: seedFlag,
  },
});
const { seed } = options;
const { engine, adapter } = await openEngine(options);
const model = await loadPolicy(engine, "--model", options.model, options);
const lora = loraOptions(options);
checkLora("--model", model.base, lora);
const task = await readTask(options, model, output);
needPairs(task, options);
const settings = withTraining(forModel(ownDataSettings(seed), model.base, lora).reward, options);
await planMemory(
  options,
  output,
  engine,
  (plan) => planReward(plan, plan.model(model.base), task.pairs.train, settings, lora),
);
const folder = start(engine, adapter, settings);

const place = { folder, progress: output.progress };
const { pairs: { train, test }, references } = task;
const { model: reward, seconds } = await trainReward(
  place,
  model.base,
  train,
  references,
  settings,
  lora,
);
await saveModel(folder, "reward", reward, model);

// Which held-out pairs are ranked as their labels say; pairs of one prompt are one cluster.
const prompts = test.map(({ promptIds }) => promptIds.join());
const accuracy = (ranks: readonly number[]) => clusteredMean(ranks, prompts, { seed });
const words = new BagOfWords(train);
const results = {
  command: "reward",
  model: `${folder.path}/models/reward`,
  pairs: test.length,
  accuracy: accuracy(await rankHeldOut(output, reward, test, settings.microTokens)),
  longerWins: accuracy(rankByLength(test)),
  bagOfWords: accuracy(test.map((pair) => words.rank(pair))),
  seconds: Math.round(seconds * 10) / 10,
  data: dataCounts(task),
};
folder.results(results);
output.result(
  align([
    [`Accuracy on ${test.length} held-out pairs, %`, "mean [interval]"],
    ["reward model", formatEstimate(results.accuracy, 1, 100)],
    ["the longer response wins", formatEstimate(results.longerWins, 1, 100)],
    ["a bag of words", formatEstimate(results.bagOfWords, 1, 100)],
  ]) + `\n\n${results.model}`,
  results,
);
engine.destroy();
process.exit(0);
