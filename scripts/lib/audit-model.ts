import type { Dataset } from "../../data/dataset.ts";
import type { Coverage, ModelAudit, QuickReward } from "../../data/audit/model-audit.ts";
import type { ReferenceRow } from "../../data/rows.ts";
import { splitRows } from "../../data/split.ts";
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
  type FittedReference,
  MICRO_TOKENS,
  tooLong,
  wholeOf,
} from "./audit-fit.ts";
import { BagOfWords } from "./bag-of-words.ts";
import { forModel, ownDataSettings } from "./settings.ts";
import { FRACTIONS, SPLIT_SEED, uniquePrompts } from "./task.ts";

const MOST_TEST_PAIRS = 200;

/** What a model says of the data; also the quick reward model, to select by, where there are pairs. */
export async function auditWithModel(
  name: string,
  dataset: Dataset,
  auditor: Auditor,
  progress: ProgressOutput,
): Promise<{ audit: ModelAudit; rewardModel: Model | null }> {
  const coverage = await auditCoverage(dataset.references, auditor);
  if (dataset.pairs.length === 0) {
    return { audit: { model: name, coverage, reward: null }, rewardModel: null };
  }
  const { reward, rewardModel } = await auditReward(dataset, auditor, progress);
  return { audit: { model: name, coverage, reward }, rewardModel };
}

async function auditCoverage(
  references: readonly ReferenceRow[],
  auditor: Auditor,
): Promise<Coverage> {
  const { settings: { sample, seed } } = auditor;
  const sources = fitReferences(references, auditor);
  if (sources.length < 2) throw new Error(tooLong(references.length, auditor));
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

async function auditReward(
  { pairs, references }: Dataset,
  auditor: Auditor,
  progress: ProgressOutput,
): Promise<{ reward: QuickReward; rewardModel: Model }> {
  const { text, settings } = auditor;
  const { seed, steps, sample } = settings;
  const split = splitRows(pairs, FRACTIONS, SPLIT_SEED);
  const train = fitPairs(split.train, auditor);
  const test = draw(fitPairs(split.test, auditor), MOST_TEST_PAIRS, seed);
  if (train.length === 0 || test.length < 2) throw new Error(tooLong(pairs.length, auditor));
  const rewardModel = newRewardModel(text.base, seed);
  const { reward: defaults } = forModel(ownDataSettings(seed), text.base, null);
  const trainer = new RewardTrainer(rewardModel, train, { ...defaults, steps });
  await withProgress("quick reward model", steps, "steps", async (advance) => {
    while (trainer.step < steps) {
      const { loss } = await trainer.advance();
      advance(1, `loss ${Number(loss).toFixed(3)}`);
    }
  }, progress);
  const words = new BagOfWords(train, { minCount: 10, penalty: 0.05 });
  const prompts = test.map(({ prompt }) => prompt);
  const share = (ranks: number[]) => clusteredMean(ranks, prompts, { seed });
  const held = uniquePrompts(splitRows(references, FRACTIONS, SPLIT_SEED).test);
  const heldOut = draw(fitReferences(held, auditor), sample, seed);
  const reward = {
    trainPairs: train.length,
    testPairs: test.length,
    steps,
    accuracy: share(await rankPairs(rewardModel, test, MICRO_TOKENS)),
    bagOfWords: share(test.map((pair) => words.rank(pair))),
    longer: share(rankByLength(test)),
    advantage: await advantageOf(heldOut, rewardModel, auditor),
    prompts: heldOut.length,
  };
  return { reward, rewardModel };
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
  const scores = await scoreSequences(reward, heldOut.map(wholeOf), MICRO_TOKENS);
  return pairedDifference(scores, own.map(({ reward }) => reward), { seed });
}

function draw<T>(items: readonly T[], most: number, seed: number): T[] {
  if (items.length <= most) return [...items];
  return new BatchOrder(items.length, most, seed).indices(0).map((i) => items[i]);
}
