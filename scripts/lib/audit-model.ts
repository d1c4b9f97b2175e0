import type { Dataset } from "../../data/dataset.ts";
import { isMeasured, type Measured, runSplit } from "../../data/audit/measured.ts";
import type { Coverage, ModelAudit, QuickReward } from "../../data/audit/model-audit.ts";
import type { PreferenceRow, ReferenceRow } from "../../data/rows.ts";
import type { Model } from "../../engine/nn/model.ts";
import { answerPrompts } from "../../engine/rl/evaluation.ts";
import { BatchOrder } from "../../engine/rl/order.ts";
import {
  newRewardModel,
  rankByLength,
  rankPairs,
  RewardTrainer,
  scoreSequences,
} from "../../engine/rl/reward-model.ts";
import { clusteredMean, pairedDifference } from "../../engine/rl/statistics.ts";
import { type ProgressOutput, withProgress } from "../host/progress.ts";
import {
  type Auditor,
  coverageOf,
  fitPairs,
  fitReferences,
  type FittedPair,
  type FittedReference,
  tooFew,
} from "./audit-fit.ts";
import { BagOfWords } from "./bag-of-words.ts";
import { forModel, MICRO_TOKENS, ownDataSettings } from "./settings.ts";
import { FRACTIONS, SPLIT_SEED, uniquePrompts, wholeSequence } from "./task.ts";

const MOST_TEST_PAIRS = 200;

/** What a model says of the data; also the quick reward model, to select by. */
export async function auditWithModel(
  name: string,
  dataset: Dataset,
  auditor: Auditor,
  progress: ProgressOutput,
): Promise<{ audit: ModelAudit; rewardModel: Measured<Model> }> {
  const coverage = await auditCoverage(dataset.references, auditor);
  if (dataset.pairs.length === 0) {
    const rewardModel = { unmeasured: "there are no preference pairs" };
    return { audit: { model: name, coverage, reward: null }, rewardModel };
  }
  const pairs = heldOutPairs(dataset.pairs, auditor);
  if (!isMeasured(pairs)) {
    return { audit: { model: name, coverage, reward: pairs }, rewardModel: pairs };
  }
  const rewardModel = await quickRewardModel(pairs.train, auditor, progress);
  const reward = await auditReward(pairs, dataset.references, rewardModel, auditor);
  return { audit: { model: name, coverage, reward }, rewardModel };
}

async function auditCoverage(
  references: readonly ReferenceRow[],
  auditor: Auditor,
): Promise<Measured<Coverage>> {
  const { settings: { sample, seed } } = auditor;
  const sources = fitReferences(references, auditor);
  const few = tooFew("references", sources.length, references.length, auditor);
  if (few) return few;
  const some = draw(sources, sample, seed);
  const found = await coverageOf(some, auditor);
  const clusters = found.flatMap(({ logProbs }, i) => logProbs.map(() => String(i)));
  const mean = (values: number[]) => clusteredMean(values, clusters, { seed });
  return {
    references: some.length,
    logProbability: mean(found.flatMap(({ logProbs }) => logProbs)),
    covered: mean(found.flatMap(({ covered }) => covered.map(Number))),
  };
}

interface HeldOutPairs {
  train: FittedPair[];
  test: FittedPair[];
}

/** The pairs as a run splits them, at most 200 of them to test on, with answers to two prompts at least. */
function heldOutPairs(pairs: readonly PreferenceRow[], auditor: Auditor): Measured<HeldOutPairs> {
  const split = runSplit(pairs, FRACTIONS, SPLIT_SEED);
  if (!isMeasured(split)) return split;
  const train = fitPairs(split.train, auditor);
  const test = draw(fitPairs(split.test, auditor), MOST_TEST_PAIRS, auditor.settings.seed);
  const [asked, usable] = [split.test, test].map((rows) =>
    new Set(rows.map(({ prompt }) => prompt)).size
  );
  const few = tooFew("training pairs", train.length, split.train.length, auditor) ??
    tooFew("held-out prompts with pairs", usable, asked, auditor);
  return few ?? { train, test };
}

async function quickRewardModel(
  train: readonly FittedPair[],
  { text, settings: { seed, steps } }: Auditor,
  progress: ProgressOutput,
): Promise<Model> {
  const rewardModel = newRewardModel(text.base, seed);
  const { reward: defaults } = forModel(ownDataSettings(seed), text.base, null);
  const trainer = new RewardTrainer(rewardModel, train, { ...defaults, steps });
  await withProgress("quick reward model", steps, "steps", async (advance) => {
    while (trainer.step < steps) {
      const { loss } = await trainer.advance();
      advance(1, `loss ${Number(loss).toFixed(3)}`);
    }
  }, progress);
  return rewardModel;
}

async function auditReward(
  { train, test }: HeldOutPairs,
  references: readonly ReferenceRow[],
  rewardModel: Model,
  auditor: Auditor,
): Promise<QuickReward> {
  const { seed, steps, sample } = auditor.settings;
  const words = new BagOfWords(train);
  const prompts = test.map(({ prompt }) => prompt);
  const share = (ranks: number[]) => clusteredMean(ranks, prompts, { seed });
  const split = runSplit(references, FRACTIONS, SPLIT_SEED);
  const held = isMeasured(split) ? uniquePrompts(split.test) : [];
  const heldOut = draw(fitReferences(held, auditor), sample, seed);
  return {
    trainPairs: train.length,
    testPairs: test.length,
    steps,
    accuracy: share(await rankPairs(rewardModel, test, MICRO_TOKENS)),
    bagOfWords: share(test.map((pair) => words.rank(pair))),
    longer: share(rankByLength(test)),
    advantage: tooFew("held-out references", heldOut.length, held.length, auditor) ??
      await advantageOf(heldOut, rewardModel, auditor),
    prompts: heldOut.length,
  };
}

/** Score of each reference minus score of the model's own answer to the same prompt. */
async function advantageOf(heldOut: readonly FittedReference[], reward: Model, auditor: Auditor) {
  const { text: { base, tokenizer }, settings: { responseTokens, seed } } = auditor;
  const judges = { reference: base, reward, tokenizer, gold: null };
  const options = {
    temperature: 1,
    responseTokens,
    microTokens: MICRO_TOKENS,
    batchRows: 32,
    seed,
  };
  const own = await answerPrompts(base, heldOut, judges, options);
  const scores = await scoreSequences(reward, heldOut.map(wholeSequence), MICRO_TOKENS);
  return pairedDifference(scores, own.map(({ reward }) => reward), { seed });
}

function draw<T>(items: readonly T[], most: number, seed: number): T[] {
  if (items.length <= most) return [...items];
  return new BatchOrder(items.length, most, seed).indices(0).map((i) => items[i]);
}
