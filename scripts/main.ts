// From preference pairs to a better model, on the bundled task or one's own data:
//
//   npm start                                         the bundled task, some minutes on two cores
//   npm start -- --data pairs.jsonl --model MODEL     one's own
//
// SFT on the references, a reward model on the pairs, then DR-PO and PPO from the same start with the same
// number of episodes; all are evaluated on held-out prompts, and a report is written to the run folder.
import "./host/failure.ts";
import process from "node:process";
import type { Answer } from "../engine/rl/evaluation.ts";
import { rankByLength, scoreSequences } from "../engine/rl/reward-model.ts";
import { clusteredMean } from "../engine/rl/statistics.ts";
import { openEngine } from "./host/engine.ts";
import { duration } from "./host/progress.ts";
import { readRun } from "./host/read-run.ts";
import {
  compare,
  type Cost,
  methodResult,
  SavedAnswers,
  testSamples,
  winScores,
} from "./lib/results.ts";
import { checkLora, loraOptions } from "./lib/adapters.ts";
import {
  dataCounts,
  encodeText,
  needPairs,
  needPrompts,
  needResponses,
  readText,
} from "./lib/command-task.ts";
import { loadPolicy } from "./lib/load-model.ts";
import { planMain, planMemory } from "./lib/memory-plan.ts";
import { answering, rankHeldOut, trainPolicy, trainReward, trainSft } from "./lib/phases.ts";
import { mainSettings, openMainRun } from "./lib/run.ts";
import { evaluationSettings } from "./lib/settings.ts";
import { saveModel } from "./lib/save-model.ts";
import { storyteller } from "./lib/shared-data.ts";
import { bundledTask, wholeSequence } from "./lib/task.ts";
import { renderReport } from "./report/html.ts";
import { renderTable } from "./report/table.ts";
import type { MethodName, Results } from "./report/types.ts";

const started = performance.now();
const { options, output, start } = openMainRun();
const { engine, adapter } = await openEngine(options);
const { seed } = options;

// The task as token ids of the base model.
const source = await loadPolicy(engine, "--model", options.model ?? storyteller, options);
const { base, tokenizer } = source;
const lora = loraOptions(options);
checkLora("--model", base, lora);
const settings = mainSettings(options, base, lora);
const { promptTokens, policy: { responseTokens, microTokens } } = settings;
const { data } = options;
const text = data === undefined
  ? await bundledTask()
  : await readText({ ...options, data }, source);
const task = encodeText(text, { promptTokens, responseTokens }, source, output);
if (data !== undefined) {
  needPairs(task, { ...options, data });
  needResponses(task, { ...options, data });
  needPrompts(task.test, { ...options, data });
}
await planMemory(options, output, engine, (plan) => planMain(plan, base, task, settings, lora));
const folder = start(engine, adapter, settings);
const place = { folder, progress: output.progress };

// SFT on the references, a reward model on the pairs.
const { model: sft, seconds: sftSeconds } = await trainSft(
  place,
  base,
  task.references,
  settings.sft,
  lora,
);
const { model: reward } = await trainReward(
  place,
  sft,
  task.pairs.train,
  task.references,
  settings.reward,
  lora,
);
const ranked = await rankHeldOut(place, reward, task.pairs.test, microTokens);

// DR-PO, then PPO: the same program without resets. PPO is also looked at where it has generated as many
// tokens as DR-PO did in all.
const judges = { reference: sft, reward, tokenizer, gold: task.gold };
const answer = answering(place, judges, evaluationSettings(settings));
const validation = task.validation.slice(0, settings.validationPrompts);
const test = task.test.slice(0, settings.testPrompts);
const from = { ...task, ...judges, validation, answer, lora };
const drpo = await trainPolicy(place, "drpo", from, settings);
const equalTokens = new SavedAnswers(folder, "ppo-at-equal-tokens.json");
const withoutResets = { ...settings, policy: { ...settings.policy, beta: 0 } };
const ppo = await trainPolicy(place, "ppo", from, withoutResets, async (trainer) => {
  if (trainer.generatedTokens >= drpo.cost.generatedTokens) {
    await equalTokens.take(() => answer(trainer.models.policy, test, "PPO at equal tokens"));
  }
});

// Results on the test prompts.
const sftAnswers = await answer(sft, test, "SFT");
const drpoAnswers = await answer(drpo.policy, test, "DR-PO");
const ppoAnswers = await answer(ppo.policy, test, "PPO");
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
    ppo: row(ppoAnswers, ppo.cost),
    drpo: row(drpoAnswers, drpo.cost),
  },
  rewardModel: {
    accuracy: clusteredMean(ranked, testPrompts, { seed }),
    longerWins: clusteredMean(rankByLength(task.pairs.test), testPrompts, { seed }),
    pairs: ranked.length,
  },
  comparisons: [
    compare(["drpo", drpoAnswers], ["sft", sftAnswers], scores, "episodes", seed),
    compare(["drpo", drpoAnswers], ["ppo", ppoAnswers], scores, "episodes", seed),
    ...equalTokens.answers
      ? [
        compare(
          ["drpo", drpoAnswers],
          ["ppo", equalTokens.answers],
          scores,
          "generatedTokens",
          seed,
        ),
      ]
      : [],
  ],
  data: dataCounts(task),
};
folder.truncateSamples(({ split }) => split === "train");
const answersOf: [MethodName, Answer[]][] = [["sft", sftAnswers], ["ppo", ppoAnswers], [
  "drpo",
  drpoAnswers,
]];
for (const [method, answers] of answersOf) {
  for (const sample of testSamples(method, test, answers)) folder.sample(sample);
}
folder.results(results);
folder.write("report.html", renderReport(readRun(folder.path)));
for (const [name, model] of Object.entries({ sft, reward, ppo: ppo.policy, drpo: drpo.policy })) {
  await saveModel(folder, name, model, source);
}
output.result(
  `\n${renderTable(results)}\n\n${folder.path}/report.html, after ${duration(results.seconds)}`,
  results,
);
engine.destroy();
process.exit(0);
