// Direct preference optimization (arXiv:2305.18290) of an SFT model, with neither a reward model nor rollouts:
//
//   npx bun scripts/dpo.ts --model SFT-MODEL --data FILE
//
// The policy is in models/dpo of the run folder, with how often it prefers the chosen response of a held-out
// pair more than the model it started from does. That model and the policy answer held-out prompts side by side.
import "./host/failure.ts";
import process from "node:process";
import { DirectPreferenceTrainer } from "../engine/rl/dpo.ts";
import { preferenceMargins, withReference } from "../engine/rl/preference-margins.ts";
import { clusteredMean } from "../engine/rl/statistics.ts";
import { openEngine } from "./host/engine.ts";
import { duration, withProgress } from "./host/progress.ts";
import { checkLora, loraFlags, loraOptions, trainable } from "./lib/adapters.ts";
import { openRun } from "./lib/command.ts";
import { dataCounts, needPairs, needPrompts, readTask } from "./lib/command-task.ts";
import {
  dataFlags,
  lengthFlags,
  memoryFlags,
  modelFlag,
  required,
  seedFlag,
  testPromptsFlag,
  trainingFlags,
  weightsFlag,
} from "./lib/flags.ts";
import { loadPolicy } from "./lib/load-model.ts";
import { planDpo, planMemory } from "./lib/memory-plan.ts";
import { answering, unscored } from "./lib/phases.ts";
import { saveModel } from "./lib/save-model.ts";
import { withTraining } from "./lib/overrides.ts";
import {
  directPreferenceSettings,
  evaluationSettings,
  forModel,
  ownDataSettings,
} from "./lib/settings.ts";
import { compareCandidates, renderCandidates, renderSamples } from "./lib/side-by-side.ts";
import { train } from "./lib/train.ts";
import { formatEstimate } from "./report/measures.ts";

const dpoDefaults = directPreferenceSettings(ownDataSettings(1));
const { options, output, start } = openRun({
  name: "dpo",
  summary: "Improves a model on preference pairs directly, without a reward model.",
  flags: {
    model: required(modelFlag),
    ...dataFlags,
    data: required(dataFlags.data),
    ...loraFlags,
    weights: weightsFlag,
    ...lengthFlags,
    ...trainingFlags(dpoDefaults),
    beta: {
      type: "number",
      default: dpoDefaults.beta,
      min: 0.001,
      help: "strength of the tie to the model that training starts from",
    },
    loss: {
      type: "string",
      choices: ["sigmoid", "ipo"],
      default: "sigmoid",
      help: "DPO's, or IPO's squared one (arXiv:2310.12036)",
    },
    testPrompts: testPromptsFlag,
    ...memoryFlags,
    seed: seedFlag,
  },
});
const { seed, beta, loss: kind } = options;
const { engine, adapter } = await openEngine(options);
const model = await loadPolicy(engine, "--model", options.model, options);
const lora = loraOptions(options);
checkLora("--model", model.base, lora);
const { base, tokenizer } = model;
const task = await readTask(options, model, output);
needPairs(task, options);
needPrompts(task.test, options);
const run = forModel(ownDataSettings(seed), model.base, lora);
const settings = { ...withTraining(directPreferenceSettings(run), options), beta, kind };
const test = task.test.slice(0, options.testPrompts);
const { microTokens } = settings;
const { responseTokens } = options;
const generation = { ...evaluationSettings(run), responseTokens, microTokens };
await planMemory(options, output, engine, (plan) => {
  const rows = { pairs: task.pairs.train, prompts: test };
  return planDpo(plan, plan.model(base), rows, settings, generation, lora);
});
const folder = start(engine, adapter, settings);

const policy = trainable(base, lora, seed);
const trainer = new DirectPreferenceTrainer(policy, base, task.pairs.train, settings);
const seconds = await train(folder, "dpo", trainer, 20, undefined, output.progress);
await saveModel(folder, "dpo", policy, model);

// Held-out pairs and prompts.
const heldOut = task.pairs.test;
const margins = await withProgress(
  "held-out pairs",
  4 * heldOut.length,
  "answers",
  async (advance) => {
    const known = await withReference(base, heldOut, microTokens, advance);
    return await preferenceMargins(policy, known, microTokens, advance);
  },
  output.progress,
);
const clusters = heldOut.map(({ promptIds }) => promptIds.join());
const judges = { reference: base, reward: unscored, tokenizer, gold: null };
const answer = answering(output, judges, generation);
const candidates = [
  { name: "start", answers: await answer(base, test, "start") },
  { name: "dpo", answers: await answer(policy, test, "dpo") },
];
const results = {
  command: "dpo",
  model: `${folder.path}/models/dpo`,
  pairs: heldOut.length,
  accuracy: clusteredMean(
    margins.map((margin) => (Math.sign(margin) + 1) / 2),
    clusters,
    { seed },
  ),
  margin: clusteredMean(margins, clusters, { seed }),
  prompts: test.length,
  models: compareCandidates(candidates, null, seed),
  seconds: Math.round(seconds * 10) / 10,
  data: dataCounts(task),
};
folder.results(results);
output.result(
  `\n${renderSamples(candidates, test, 2)}\n\n` +
    `Chosen side preferred more than before, % of ${results.pairs} held-out pairs: ${
      formatEstimate(results.accuracy, 1, 100)
    }, by ${formatEstimate(results.margin, 2)} nats\n\n` +
    `${renderCandidates(results.models, test.length)}\n\n` +
    `${results.model}, after ${duration(seconds)}`,
  results,
);
engine.destroy();
process.exit(0);
