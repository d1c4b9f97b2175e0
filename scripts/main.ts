// From preference pairs to a better model, on the bundled task or one's own data:
//
//   npm start                                         the bundled task, some minutes on two cores
//   npm start -- --data pairs.jsonl --model MODEL     one's own
//
// SFT on the references, a reward model on the pairs, then DR-PO and PPO from the same start with the same
// number of episodes; all are evaluated on held-out prompts, and a report is written to the run folder.
import "./host/failure.ts";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseColumns } from "../data/forms/recognise.ts";
import { copyModel, type Model } from "../engine/nn/model.ts";
import { type Answer, answerPrompts, type EvaluationPrompt } from "../engine/rl/evaluation.ts";
import { PolicyTrainer } from "../engine/rl/policy-trainer.ts";
import {
  centreScores,
  newRewardModel,
  type OnDone,
  rankByLength,
  rankPairs,
  RewardTrainer,
  scoreSequences,
} from "../engine/rl/reward-model.ts";
import { SupervisedTrainer } from "../engine/rl/sft.ts";
import { clusteredMean } from "../engine/rl/statistics.ts";
import { openEngine } from "./host/engine.ts";
import { duration, withProgress } from "./host/progress.ts";
import { readRun } from "./host/read-run.ts";
import {
  compare,
  type Cost,
  curvePoint,
  episodeSamples,
  methodResult,
  SavedAnswers,
  testSamples,
  winScores,
} from "./lib/results.ts";
import { loadTextModel, modelChat, speaking } from "./lib/load-model.ts";
import { openRun } from "./lib/run.ts";
import { saveModel } from "./lib/save-model.ts";
import { bundledTask, encodeTask, preferenceTask, wholeSequence } from "./lib/task.ts";
import { titles, train } from "./lib/train.ts";
import { renderReport } from "./report/html.ts";
import { renderTable } from "./report/table.ts";
import type { MethodName, Results } from "./report/types.ts";

const started = performance.now();
const { folder, options, settings } = openRun();
const { engine, adapter } = await openEngine();
const { seed } = options;
folder.config({
  options,
  settings,
  adapter,
  features: engine.features,
  versions: process.versions,
});

// The task as token ids of the base model.
const bundled = fileURLToPath(new URL("../data/storyteller", import.meta.url));
const textModel = await loadTextModel(engine, options.model ?? bundled);
const { base, tokenizer, path: modelPath } = textModel;
const chat = await modelChat(textModel, options.chatTemplate) ?? undefined;
const columns = options.columns ? parseColumns(options.columns) : undefined;
const text = options.data
  ? await preferenceTask(options.data, { ...options, columns, chat })
  : await bundledTask();
if (text.description) console.log(text.description);
const { encoder, beginToken, endToken } = text.templated ? speaking(textModel, chat!) : textModel;
const { context } = base.config;
const { promptTokens: maxPrompt, policy: { responseTokens: maxResponse } } = settings;
const task = encodeTask(text, encoder, { context, beginToken, endToken, maxPrompt, maxResponse });
console.log(
  `${task.name}: ${task.references.length} references and ${task.pairs.train.length} pairs to train on, ` +
    `${task.test.length} prompts to test on (${task.fit.dropped} rows too long, ${task.fit.promptsCut} prompts cut)`,
);

// SFT on the references.
const sft = copyModel(base);
const sftSeconds = await train(
  folder,
  "sft",
  new SupervisedTrainer(sft, task.references, settings.sft),
  20,
);

// The reward model on the pairs; its scores are shifted so that the references average 0.
const reward = newRewardModel(sft, seed);
await train(folder, "reward", new RewardTrainer(reward, task.pairs.train, settings.reward), 50);
const { microTokens } = settings.policy;
const sequences = task.references.map(wholeSequence);
await withProgress(
  "centring scores",
  sequences.length,
  "references",
  (advance) => centreScores(reward, sequences, microTokens, advance),
);
const ranked = await withProgress(
  "held-out pairs",
  2 * task.pairs.test.length,
  "answers",
  (advance) => rankPairs(reward, task.pairs.test, microTokens, advance),
);

// Responses without resets to the same held-out prompts, measured.
const judges = { reference: sft, reward, tokenizer, gold: task.gold };
const answer = (
  policy: Model,
  prompts: readonly EvaluationPrompt[],
  onDone?: OnDone,
): Promise<Answer[]> => {
  const { temperature, responseTokens } = settings.policy;
  const options = { temperature, responseTokens, microTokens, batchRows: settings.batchRows, seed };
  return answerPrompts(policy, prompts, judges, options, onDone);
};
const answerTest = (name: string, policy: Model) =>
  withProgress(
    `${name} on test prompts`,
    test.length,
    "prompts",
    (advance) => answer(policy, test, advance),
  );
const validation = task.validation.slice(0, settings.validationPrompts);
const test = task.test.slice(0, settings.testPrompts);

/** One method: PPO from the SFT policy with episodes reset with probability `beta`. */
async function trainPolicy(
  method: "drpo" | "ppo",
  beta: number,
  onUpdate?: (trainer: PolicyTrainer) => Promise<void>,
) {
  const policy = copyModel(sft, { score: settings.sharedTrunk });
  const value = settings.sharedTrunk ? policy : copyModel(reward);
  const models = { policy, value, reference: sft, reward };
  const trainer = new PolicyTrainer(models, task.resets, { ...settings.policy, beta });
  const seconds = await train(folder, method, trainer, settings.checkpointEvery, async (step) => {
    await onUpdate?.(trainer);
    for (const sample of episodeSamples(method, trainer, tokenizer, task.gold)) {
      folder.sample(sample);
    }
    const look = step % settings.evaluateEvery === 0 || step === trainer.steps;
    const { episodes, generatedTokens } = trainer;
    const spent = { episodes, generatedTokens };
    return look ? { ...spent, ...curvePoint(await answer(policy, validation)) } : spent;
  });
  const cost = { generatedTokens: trainer.generatedTokens, seconds };
  return { policy, answers: await answerTest(titles[method], policy), cost };
}

// DR-PO, then PPO: the same program without resets. PPO is also looked at where it has generated as many
// tokens as DR-PO did in all.
const drpo = await trainPolicy("drpo", settings.policy.beta);
const equalTokens = new SavedAnswers(folder, "ppo-at-equal-tokens.json");
const ppo = await trainPolicy("ppo", 0, async ({ generatedTokens, models: { policy } }) => {
  if (generatedTokens >= drpo.cost.generatedTokens) {
    await equalTokens.take(() => answerTest("PPO at equal tokens", policy));
  }
});

// Results on the test prompts.
const sftAnswers = await answerTest("SFT", sft);
const scores = winScores(
  task.gold,
  test,
  await scoreSequences(reward, test.map(wholeSequence), microTokens),
);
const row = (answers: Answer[], cost: Cost) =>
  methodResult(answers, answers === sftAnswers ? null : sftAnswers, scores, cost, seed);
const testPrompts = task.pairs.test.map(({ promptIds }) => promptIds.join());
const results: Results = {
  task: task.name,
  seed,
  adapter: { name: adapter.name, software: adapter.software },
  seconds: Math.round((performance.now() - started) / 100) / 10,
  warnings: task.warnings,
  goldName: task.goldName,
  prompts: test.length,
  winRateBy: scores.by,
  methods: {
    sft: row(sftAnswers, { generatedTokens: 0, seconds: sftSeconds }),
    ppo: row(ppo.answers, ppo.cost),
    drpo: row(drpo.answers, drpo.cost),
  },
  rewardModel: {
    accuracy: clusteredMean(ranked, testPrompts, { seed }),
    longerWins: clusteredMean(rankByLength(task.pairs.test), testPrompts, { seed }),
    pairs: ranked.length,
  },
  comparisons: [
    compare(["drpo", drpo.answers], ["sft", sftAnswers], scores, "episodes", seed),
    compare(["drpo", drpo.answers], ["ppo", ppo.answers], scores, "episodes", seed),
    ...equalTokens.answers
      ? [
        compare(
          ["drpo", drpo.answers],
          ["ppo", equalTokens.answers],
          scores,
          "generatedTokens",
          seed,
        ),
      ]
      : [],
  ],
  data: {
    ...task.fit,
    rows: task.rows,
    skippedBadRows: task.skippedBadRows,
    equalPairs: task.equalPairs,
    leakedRows: task.leakedRows,
    referencesDropped: task.referencesDropped,
    heldOutPromptsDropped: task.heldOutPromptsDropped,
  },
};
folder.truncateSamples(({ split }) => split === "train");
const answersOf: [MethodName, Answer[]][] = [["sft", sftAnswers], ["ppo", ppo.answers], [
  "drpo",
  drpo.answers,
]];
for (const [method, answers] of answersOf) {
  for (const sample of testSamples(method, test, answers)) folder.sample(sample);
}
folder.results(results);
folder.write("report.html", renderReport(readRun(folder.path)));
for (const [name, model] of Object.entries({ sft, reward, ppo: ppo.policy, drpo: drpo.policy })) {
  await saveModel(folder, name, model, modelPath, options.chatTemplate);
}
console.log(
  `\n${renderTable(results)}\n\n${folder.path}/report.html, after ${duration(results.seconds)}`,
);
engine.destroy();
process.exit(0);
