// A reward model from real preferences, over three splits of helpful-base:
//
//   npx bun scripts/hh-reward.ts --model runs/small-lm/models/small-lm
//
// On each split, Bradley-Terry training starts from the model of scripts/pretrain.ts as it is: an SFT before it
// would learn the chosen answers, whose dialogues it has read. What it gets right on held-out pairs stands
// beside "the longer response wins" and a bag of words. The dialogues contain offensive language.
import "./host/failure.ts";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { type Model } from "../engine/nn/model.ts";
import { defaultAdamW } from "../engine/nn/optimizer.ts";
import { emptyFitReport, fitPair } from "../engine/rl/fit.ts";
import {
  newRewardModel,
  type Pair,
  rankByLength,
  rankPairs,
  RewardTrainer,
} from "../engine/rl/reward-model.ts";
import { bootstrapMean, pairedDifference } from "../engine/rl/statistics.ts";
import { readArguments } from "./host/arguments.ts";
import { openEngine } from "./host/engine.ts";
import { withProgress } from "./host/progress.ts";
import { createRunFolder, RunFolder } from "./host/run-folder.ts";
import { loadTextModel } from "./lib/load-model.ts";
import { BagOfWords, defaultBagOfWords, type TextPair } from "./lib/bag-of-words.ts";
import { seedFlag } from "./lib/flags.ts";
import { type HelpfulSplit, readHelpful } from "./lib/helpful.ts";
import { MICRO_TOKENS } from "./lib/settings.ts";
import { contentWarning, helpfulBase } from "./lib/shared-data.ts";
import { train } from "./lib/train.ts";
import { formatEstimate } from "./report/measures.ts";
import { align } from "./report/table.ts";

const { model: modelPath, pairs: pairsPath, run, steps, seed } = readArguments({
  usage: "npx bun scripts/hh-reward.ts",
  summary: "Trains and tests reward models on three splits of helpful-base.",
  flags: {
    model: {
      type: "string",
      default: "runs/small-lm/models/small-lm",
      placeholder: "MODEL",
      help: "a model folder, such as scripts/pretrain.ts writes, or a name on the hub",
    },
    pairs: {
      type: "string",
      default: helpfulBase,
      placeholder: "FILE",
      help: "preference pairs as JSON lines (also .gz)",
    },
    run: { type: "string", placeholder: "DIR", help: "the run folder; one under runs without it" },
    steps: { type: "integer", default: 105, min: 1, help: "training steps on each split" },
    seed: { ...seedFlag, help: "seed of the head and of the order" },
  },
});
const { engine, adapter } = await openEngine();
console.log(contentWarning);
const { base, tokenizer, endToken } = await loadTextModel(engine, modelPath);

const { context, beginToken } = base.config;
// Answers matter more than how the dialogue began.
const limits = { context, maxPrompt: 96, maxResponse: 256, beginToken, endToken };
const settings = {
  steps,
  batchSize: 16,
  schedule: { peak: 6e-4, kind: "linear", warmup: 0.05 },
  optimizer: { ...defaultAdamW, weightDecay: 0.01 },
  microTokens: MICRO_TOKENS,
  centering: 0,
  seed,
} as const;

const { splits, skipped } = await readHelpful(pairsPath);
const folder = createRunFolder({ dir: run, name: "hh-reward" });
folder.config({
  options: { modelPath, pairsPath },
  settings: { limits, reward: settings, bagOfWords: defaultBagOfWords },
  adapter,
  versions: process.versions,
});
const fit = emptyFitReport();

/** The pairs of rows that fit, as token ids and as text. */
function encode(rows: HelpfulSplit["train"]): (Pair & TextPair)[] {
  return rows.flatMap((row) => {
    const fitted = fitPair(tokenizer, row, limits, fit);
    return fitted ? [{ ...fitted, chosen: row.chosen, rejected: row.rejected }] : [];
  });
}

/** Which of the test pairs each model ranks as the person did: 1, 0, or ½ for equal scores. */
async function trainAndTest({ train: trainRows, test: testRows }: HelpfulSplit, number: number) {
  const [pairs, test] = [encode(trainRows), encode(testRows)];
  console.log(`Split ${number}: ${pairs.length} pairs to train on, ${test.length} to test on`);
  const part = new RunFolder(join(folder.path, `split-${number}`));
  mkdirSync(part.path, { recursive: true });
  const reward: Model = newRewardModel(base, seed);
  await train(part, "reward", new RewardTrainer(reward, pairs, settings), 40);
  const words = new BagOfWords(pairs);
  const ranks = {
    reward: await withProgress(
      "held-out pairs",
      2 * test.length,
      "answers",
      (advance) => rankPairs(reward, test, MICRO_TOKENS, advance),
    ),
    longer: rankByLength(test),
    words: test.map((pair) => words.rank(pair)),
  };
  reward.parameters.release();
  return ranks;
}

type Ranks = Awaited<ReturnType<typeof trainAndTest>>;
const ranks: Ranks[] = [];
for (const [i, split] of splits.entries()) ranks.push(await trainAndTest(split, i + 1));

// No row is tested on twice, so the pairs of all splits together are one sample.
const pooled: Ranks = {
  reward: ranks.flatMap(({ reward }) => reward),
  longer: ranks.flatMap(({ longer }) => longer),
  words: ranks.flatMap(({ words }) => words),
};
const accuracies = ({ reward, longer, words }: Ranks) => ({
  pairs: reward.length,
  rewardModel: bootstrapMean(reward, { seed }),
  longerWins: bootstrapMean(longer, { seed }),
  bagOfWords: bootstrapMean(words, { seed }),
});
const results = {
  task: "helpful-base, official test split, split anew by prompt",
  seed,
  adapter: { name: adapter.name, software: adapter.software },
  splits: ranks.map(accuracies),
  all: accuracies(pooled),
  differences: {
    rewardModelMinusLonger: pairedDifference(pooled.reward, pooled.longer, { seed }),
    rewardModelMinusBagOfWords: pairedDifference(pooled.reward, pooled.words, { seed }),
  },
  // Each row is encoded once per split.
  data: {
    rows: fit.rows / splits.length,
    promptsCut: fit.promptsCut / splits.length,
    dropped: fit.dropped / splits.length,
    skipped,
  },
};
folder.results(results);

const row = (title: string, result: ReturnType<typeof accuracies>) => [
  title,
  String(result.pairs),
  ...[result.rewardModel, result.longerWins, result.bagOfWords].map((x) => formatEstimate(x, 3)),
];
const table = align([
  ["Held-out accuracy", "pairs", "reward model", "longer wins", "bag of words"],
  ...results.splits.map((result, i) => row(`split ${i + 1}`, result)),
  row("all", results.all),
]);
const { data, differences } = results;
const summary = [
  table,
  `Reward model - longer wins: ${formatEstimate(differences.rewardModelMinusLonger, 3)}`,
  `Reward model - bag of words: ${formatEstimate(differences.rewardModelMinusBagOfWords, 3)}`,
  `Of ${data.rows} rows, ${data.promptsCut} dialogues were cut from the left and ${data.dropped} rows ` +
  `were dropped for an answer of more than ${limits.maxResponse} tokens.`,
].join("\n");
folder.write("results.txt", summary + "\n");
console.log(`\n${summary}\n\n${folder.path}`);
engine.destroy();
process.exit(0);
