// Policy optimization with dataset resets (DR-PO, arXiv:2404.08495), from an SFT model and its reward model:
//
//   npx bun scripts/drpo.ts --model SFT-MODEL --reward REWARD-MODEL --data FILE
//
// Episodes start with probability β inside a response of the data; with --beta 0 this is PPO. The policy is in
// models/drpo of the run folder, report.html beside it. It and the model it started from answer held-out prompts.
import "./host/failure.ts";
import process from "node:process";
import { scoreSequences } from "../engine/rl/reward-model.ts";
import { openEngine } from "./host/engine.ts";
import { duration } from "./host/progress.ts";
import { readRun } from "./host/read-run.ts";
import { checkLora, checkStored, loraFlags, loraOptions } from "./lib/adapters.ts";
import { openRun } from "./lib/command.ts";
import { dataCounts, needPrompts, needResponses, readTask } from "./lib/command-task.ts";
import {
  dataFlags,
  lengthFlags,
  memoryFlags,
  modelFlag,
  policyFlags,
  required,
  resetsFlag,
  rewardFlag,
  seedFlag,
  sharedTrunkFlag,
  testPromptsFlag,
  weightsFlag,
} from "./lib/flags.ts";
import { loadPolicy, loadReward } from "./lib/load-model.ts";
import { planMemory, planPolicy } from "./lib/memory-plan.ts";
import { answering, trainPolicy } from "./lib/phases.ts";
import { compare, methodResult, testSamples, winScores } from "./lib/results.ts";
import { saveModel } from "./lib/save-model.ts";
import { applyOptions } from "./lib/overrides.ts";
import { evaluationSettings, forModel, ownDataSettings } from "./lib/settings.ts";
import { compareCandidates, renderCandidates, renderSamples } from "./lib/side-by-side.ts";
import { wholeSequence } from "./lib/task.ts";
import { renderReport } from "./report/html.ts";

const started = performance.now();
const { policy: policyDefaults } = ownDataSettings(1);
const { options, output, start } = openRun({
  name: "drpo",
  summary: "Improves a model with a reward model, from states inside the data's responses.",
  flags: {
    model: required(modelFlag),
    reward: required(rewardFlag),
    ...dataFlags,
    data: required(dataFlags.data),
    resets: resetsFlag,
    ...loraFlags,
    weights: weightsFlag,
    ...lengthFlags,
    beta: {
      type: "number",
      default: policyDefaults.beta,
      min: 0,
      max: 1,
      help: "probability that an episode starts inside a response of the data; 0 is PPO",
    },
    ...policyFlags(policyDefaults),
    sharedTrunk: sharedTrunkFlag,
    testPrompts: testPromptsFlag,
    ...memoryFlags,
    seed: seedFlag,
  },
});
const { seed } = options;
const { engine, adapter } = await openEngine(options);
const model = await loadPolicy(engine, "--model", options.model, options);
const lora = loraOptions(options);
checkLora("--model", model.base, lora);
const { base, tokenizer } = model;
const reward = await loadReward(engine, "--reward", options.reward, model, options);
if (!options.sharedTrunk) checkStored("--reward", reward, lora); // where the critic starts
const task = await readTask({ ...options, pairsOptional: true }, model, output);
needResponses(task, options);
needPrompts(task.test, options);
const settings = applyOptions(forModel(ownDataSettings(seed), model.base, lora), options);
const { policy: { beta, microTokens }, validationPrompts, testPrompts } = settings;
const validation = task.validation.slice(0, validationPrompts);
const test = task.test.slice(0, testPrompts);
const method = beta > 0 ? "drpo" : "ppo";
await planMemory(options, output, engine, (plan) => {
  const models = { reference: plan.model(base), reward: plan.model(reward) };
  const prompts = [...validation, ...test];
  return planPolicy(plan, method, { ...models, resets: task.resets, prompts, lora }, settings);
});
const folder = start(engine, adapter, settings);

// The policy, from the model and with it as reference.
const judges = { reference: base, reward, tokenizer, gold: null };
const answer = answering(output, judges, evaluationSettings(settings));
const place = { folder, progress: output.progress };
const from = { ...task, ...judges, validation, answer, lora };
const { policy, cost } = await trainPolicy(place, method, from, settings);
await saveModel(folder, method, policy, model);

// Both on held-out prompts.
const references = await scoreSequences(reward, test.map(wholeSequence), microTokens);
const [before, after] = [await answer(base, test, "start"), await answer(policy, test, method)];
const candidates = [{ name: "start", answers: before }, { name: method, answers: after }];
const scores = winScores(null, test, references);
const results = {
  command: "drpo",
  model: `${folder.path}/models/${method}`,
  models: compareCandidates(candidates, references, seed),
  // As a run of the whole method has it, for the report.
  task: task.name,
  seed,
  adapter: { name: adapter.name, software: adapter.software },
  seconds: Math.round((performance.now() - started) / 100) / 10,
  warnings: task.warnings,
  goldName: null,
  prompts: test.length,
  winRateBy: scores.by,
  methods: {
    sft: methodResult(before, null, scores, { generatedTokens: 0, seconds: 0 }, seed),
    [method]: methodResult(after, before, scores, cost, seed),
  },
  rewardModel: null,
  comparisons: [compare([method, after], ["sft", before], scores, "episodes", seed)],
  data: dataCounts(task),
};
folder.truncateSamples(({ split }) => split === "train");
for (const sample of testSamples("sft", test, before)) folder.sample(sample);
for (const sample of testSamples(method, test, after)) folder.sample(sample);
folder.results(results);
folder.write("report.html", renderReport(readRun(folder.path)));
output.result(
  `\n${renderSamples(candidates, test, 2)}\n\n${
    renderCandidates(results.models, test.length)
  }\n\n${results.model} and ${folder.path}/report.html, after ${duration(results.seconds)}`,
  results,
);
engine.destroy();
process.exit(0);
