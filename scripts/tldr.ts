// Summaries of Reddit posts by DR-PO:
//
//   npx bun scripts/tldr.ts --model runs/small-lm/models/small-lm
//
// SFT on the authors' own summaries, then DR-PO, whose episodes are reset into them. No preferences of people
// can be had for these posts, so the reward is SYNTHETIC: the ROUGE-L F1 of the whole response, forced prefix
// included, against the author's summary. Posts and answers contain offensive language.
import "./host/failure.ts";
import { join } from "node:path";
import process from "node:process";
import { copyModel, type Model } from "../engine/nn/model.ts";
import { defaultAdamW } from "../engine/nn/optimizer.ts";
import { type Answer, answerPrompts } from "../engine/rl/evaluation.ts";
import { type PolicySettings, PolicyTrainer } from "../engine/rl/policy-trainer.ts";
import { newRewardModel } from "../engine/rl/reward-model.ts";
import { SupervisedTrainer } from "../engine/rl/sft.ts";
import { pairedDifference } from "../engine/rl/statistics.ts";
import { readArguments } from "./host/arguments.ts";
import { openEngine } from "./host/engine.ts";
import { duration, withProgress } from "./host/progress.ts";
import { createRunFolder } from "./host/run-folder.ts";
import { seedFlag } from "./lib/flags.ts";
import { loadTextModel } from "./lib/load-model.ts";
import { type Cost, episodeSamples, testSamples } from "./lib/results.ts";
import { rougeL } from "./lib/rouge.ts";
import { saveModel } from "./lib/save-model.ts";
import { MICRO_TOKENS, paperPolicy } from "./lib/settings.ts";
import { contentWarning, redditSummaries } from "./lib/shared-data.ts";
import { renderSummaryTable, summaryResult } from "./lib/summary-results.ts";
import { encodeSummaries, readSummaries } from "./lib/summaries.ts";
import { train } from "./lib/train.ts";
import { formatEstimate } from "./report/measures.ts";
import { type MethodName, methodTitles } from "./report/types.ts";

const { model: modelPath, data, run, seed, ppo, ...given } = readArguments({
  usage: "npx bun scripts/tldr.ts",
  summary: "Trains a model to summarize Reddit posts, by SFT and by DR-PO with a synthetic reward.",
  flags: {
    model: {
      type: "string",
      default: "runs/small-lm/models/small-lm",
      placeholder: "MODEL",
      help: "a model folder, such as scripts/pretrain.ts writes, or a name on the hub",
    },
    data: {
      type: "string",
      default: redditSummaries,
      placeholder: "FOLDER",
      help: "holds train.jsonl.gz and test.jsonl.gz of posts and summaries",
    },
    run: { type: "string", placeholder: "DIR", help: "the run folder; one under runs without it" },
    seed: seedFlag,
    ppo: { type: "boolean", help: "trains PPO too, with as many episodes" },
    sftSteps: { type: "integer", default: 75, min: 1, help: "steps of SFT" },
    updates: { type: "integer", default: 20, min: 1, help: "updates of DR-PO" },
    episodes: { type: "integer", default: 32, min: 2, help: "episodes of an update" },
    trainPosts: {
      type: "integer",
      default: 2000,
      min: 1,
      help: "at most so many posts to train on",
    },
    testPosts: { type: "integer", default: 160, min: 2, help: "at most so many posts to test on" },
  },
});
const started = performance.now();
const { engine, adapter } = await openEngine();
console.log(contentWarning);
const source = await loadTextModel(engine, modelPath);
const { base, tokenizer } = source;

const limits = { promptTokens: 192, responseTokens: 48 };
const sftSettings = {
  steps: given.sftSteps,
  batchSize: 16,
  schedule: { peak: 1e-3, kind: "linear", warmup: 0.05 },
  optimizer: defaultAdamW,
  microTokens: MICRO_TOKENS,
  seed,
} as const;
const policySettings: PolicySettings = {
  ...paperPolicy,
  beta: 0.5,
  law: "from-zero",
  updates: given.updates,
  episodes: given.episodes,
  epochs: 2,
  responseTokens: limits.responseTokens,
  temperature: 1,
  // ROUGE lies in 0 … 1, mostly near 0.1: a tenth of a reward model's range.
  klCoefficient: 0.01,
  missingEndScore: 0,
  whitenRewards: false,
  schedule: { peak: 4e-4, kind: "linear", warmup: 0 },
  optimizer: { ...defaultAdamW, epsilon: 1e-5 },
  microTokens: MICRO_TOKENS,
  seed,
};

// Posts and their authors' summaries.
const report = { rows: 0, postsCut: 0, dropped: 0 };
const read = async (split: string, most: number) => {
  const rows = await readSummaries(join(data, `${split}.jsonl.gz`));
  return encodeSummaries(rows.slice(0, most), tokenizer, base.config, limits, report);
};
const references = await read("train", given.trainPosts);
const test = await read("test", given.testPosts);
const folder = createRunFolder({ dir: run, name: "tldr" });
folder.config({
  options: { modelPath, data },
  settings: { limits, sft: sftSettings, policy: policySettings },
  adapter,
  versions: process.versions,
});
console.log(
  `${references.length} posts to train on and ${test.length} to test on; ` +
    `${report.postsCut} posts cut, ${report.dropped} of ${report.rows} rows dropped`,
);

// SFT on the summaries.
const sft = copyModel(base);
const demonstrations = references.map((row) => ({ ...row, responseIds: row.referenceIds }));
const sftSeconds = await train(
  folder,
  "sft",
  new SupervisedTrainer(sft, demonstrations, sftSettings),
  25,
);

// Responses without resets to the held-out posts. The reward is synthetic.
const syntheticReward = (row: { reference: string }, response: readonly number[]) =>
  rougeL(tokenizer.decodeContinuation(response), row.reference);
const judges = { reference: sft, reward: syntheticReward, tokenizer, gold: null };
const answer = (policy: Model): Promise<Answer[]> => {
  const { responseTokens } = limits;
  const options = {
    temperature: 1,
    responseTokens,
    microTokens: MICRO_TOKENS,
    batchRows: 40,
    seed,
  };
  return withProgress(
    "test posts",
    test.length,
    "posts",
    (advance) => answerPrompts(policy, test, judges, options, advance),
  );
};

/** One method: PPO from the SFT policy with episodes reset with probability `beta`. */
async function trainPolicy(method: "drpo" | "ppo", beta: number) {
  const models = {
    policy: copyModel(sft),
    value: newRewardModel(sft, seed),
    reference: sft,
    reward: (
      { row, tokens, promptLength }: { row: number; tokens: number[]; promptLength: number },
    ) => syntheticReward(references[row], tokens.slice(promptLength)),
  };
  const trainer = new PolicyTrainer(models, references, { ...policySettings, beta });
  const seconds = await train(folder, method, trainer, 4, () => {
    for (const sample of episodeSamples(method, trainer, tokenizer, null)) folder.sample(sample);
    return Promise.resolve({});
  });
  await saveModel(folder, method, models.policy, source);
  return {
    answers: await answer(models.policy),
    cost: { generatedTokens: trainer.generatedTokens, seconds },
  };
}

const methods: [MethodName, { answers: Answer[]; cost: Cost }][] = [
  ["sft", { answers: await answer(sft), cost: { generatedTokens: 0, seconds: sftSeconds } }],
];
await saveModel(folder, "sft", sft, source);
if (ppo) methods.push(["ppo", await trainPolicy("ppo", 0)]);
methods.push(["drpo", await trainPolicy("drpo", policySettings.beta)]);

// Results on the held-out posts.
const [, { answers: sftAnswers }] = methods[0];
const results = {
  task: "reddit-tldr",
  reward: "synthetic: ROUGE-L F1 of the response against the author's summary",
  warnings: [contentWarning],
  seed,
  adapter: { name: adapter.name, software: adapter.software },
  seconds: Math.round((performance.now() - started) / 100) / 10,
  prompts: test.length,
  methods: Object.fromEntries(
    methods.map(([name, { answers, cost }]) => [name, summaryResult(answers, test, cost, seed)]),
  ),
  comparisons: methods.slice(1).map(([of, { answers }]) => ({
    of,
    against: "sft",
    measure: "rougeL",
    difference: pairedDifference(
      answers.map(({ reward }) => reward),
      sftAnswers.map(({ reward }) => reward),
      { seed },
    ),
  })),
  data: report,
};
folder.truncateSamples(({ split }) => split === "train");
for (const [name, { answers }] of methods) {
  for (const sample of testSamples(name, test, answers)) folder.sample(sample);
}
folder.results(results);

console.log(
  `\n${test.length} held-out posts, mean [interval]\n${renderSummaryTable(results.methods)}\n`,
);
for (const { of, difference } of results.comparisons) {
  console.log(`${methodTitles[of]} - SFT, ROUGE-L: ${formatEstimate(difference, 3)}`);
}
console.log(`\n${contentWarning} Two of the held-out posts:`);
for (const i of [0, 1]) {
  console.log(`\n${test[i].prompt}\n  author:${test[i].reference}`);
  for (const [name, { answers }] of methods) {
    console.log(`  ${methodTitles[name]}:${answers[i].text}`);
  }
}
console.log(`\n${folder.path}, after ${duration(results.seconds)}`);
engine.destroy();
process.exit(0);
