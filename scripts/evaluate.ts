// Models side by side on held-out prompts:
//
//   npx bun scripts/evaluate.ts --model A --model B --data FILE --reward REWARD-MODEL
//
// Every model answers the same prompts with the same random numbers: lengths, proper endings, variety, KL to the
// first model and, with a reward model, scores and win rates. results.json and samples.jsonl hold it all.
import "./host/failure.ts";
import process from "node:process";
import { scoreSequences } from "../engine/rl/reward-model.ts";
import { openEngine } from "./host/engine.ts";
import { openRun } from "./lib/command.ts";
import { dataCounts, needPrompts, readTask } from "./lib/command-task.ts";
import {
  dataFlags,
  lengthFlags,
  required,
  rewardFlag,
  seedFlag,
  testPromptsFlag,
  weightsFlag,
} from "./lib/flags.ts";
import { checkSameTokens, loadPolicy, loadReward, type TextModel } from "./lib/load-model.ts";
import { answering, unscored } from "./lib/phases.ts";
import { ownDataSettings } from "./lib/settings.ts";
import {
  type Candidate,
  candidateSamples,
  compareCandidates,
  renderCandidates,
  renderSamples,
} from "./lib/side-by-side.ts";
import { wholeSequence } from "./lib/task.ts";

const { options, output, start } = openRun({
  name: "evaluate",
  summary:
    "Measures models side by side on held-out prompts; the first is what others are held against.",
  flags: {
    model: { type: "strings", placeholder: "MODEL", least: 1, help: "a model to measure" },
    ...dataFlags,
    data: required(dataFlags.data),
    all: { type: "boolean", help: "takes all prompts of data that nothing was trained on" },
    reward: rewardFlag,
    weights: weightsFlag,
    ...lengthFlags,
    temperature: {
      type: "number",
      default: 1,
      min: 0.01,
      help: "divides the logits, in sampling and in the KL",
    },
    testPrompts: testPromptsFlag,
    seed: seedFlag,
  },
});
const { seed, temperature, responseTokens, testPrompts, weights } = options;
const { engine, adapter } = await openEngine();
const models: TextModel[] = [];
for (const name of options.model) {
  models.push(await loadPolicy(engine, "--model", name, { other: models[0], weights }));
  checkSameTokens(`--model ${name}`, models.at(-1)!.tokenizer, models[0]);
}
const [first] = models;
const reward = options.reward
  ? await loadReward(engine, "--reward", options.reward, first, options)
  : unscored;
const task = await readTask({ ...options, pairsOptional: true }, first, output);
const heldOut = options.all ? [...task.references, ...task.validation, ...task.test] : task.test;
needPrompts(heldOut, options);
const prompts = heldOut.slice(0, testPrompts);
const { policy: { microTokens }, batchRows } = ownDataSettings(seed);
const settings = { temperature, responseTokens, microTokens, batchRows, seed };
const folder = start(engine, adapter, settings);

const judges = { reference: first.base, reward, tokenizer: first.tokenizer, gold: null };
const answer = answering(output, judges, settings);
const candidates: Candidate[] = [];
for (const [i, { base }] of models.entries()) {
  const name = options.model[i];
  candidates.push({ name, answers: await answer(base, prompts, name) });
}

const referenceRewards = typeof reward === "function"
  ? null
  : await scoreSequences(reward, prompts.map(wholeSequence), microTokens);
const results = {
  command: "evaluate",
  prompts: prompts.length,
  models: compareCandidates(candidates, referenceRewards, seed),
  data: dataCounts(task),
};
const samples = candidates.flatMap((candidate) =>
  candidateSamples(candidate, prompts, referenceRewards !== null)
);
folder.samples(samples);
folder.results(results);
output.result(
  `\n${renderSamples(candidates, prompts, 3)}\n\n${
    renderCandidates(results.models, prompts.length)
  }\n\n${folder.path}`,
  results,
);
engine.destroy();
process.exit(0);
