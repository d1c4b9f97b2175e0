import { type Criterion, novelty, type Selection, selectTop } from "../../data/audit/selection.ts";
import { isMeasured, type Measured } from "../../data/audit/measured.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { PreferenceRow, ReferenceRow } from "../../data/rows.ts";
import { answerContent } from "../../data/chat.ts";
import { splitRows } from "../../data/split.ts";
import type { Model } from "../../engine/nn/model.ts";
import { scoreSequences } from "../../engine/rl/reward-model.ts";
import { average } from "../../engine/rl/statistics.ts";
import {
  type Auditor,
  coverageOf,
  fitPairs,
  fitReferences,
  type FittedReference,
} from "./audit-fit.ts";
import { MICRO_TOKENS } from "./settings.ts";
import { FRACTIONS, SPLIT_SEED, wholeSequence } from "./task.ts";

interface Scored {
  row: ReferenceRow;
  score: number;
}

/** What scores references. */
export interface Scorer {
  auditor: Auditor;
  rewardModel: Measured<Model>;
}

/**
 * The training references with the highest scores, a share of them. All criteria but novelty need `model`;
 * reward and margin its quick reward model. References that do not fit the model are no candidates.
 */
export async function selectResets(
  { by, share }: Selection,
  { references, pairs }: Dataset,
  model: Scorer | null,
): Promise<(ReferenceRow & { score: number })[]> {
  const candidates = distinct(splitRows(references, FRACTIONS, SPLIT_SEED).train);
  const scored = by === "novelty"
    ? scoreNovelty(candidates)
    : await scoreByModel(by, candidates, pairs, model!);
  if (scored.length === 0) throw new Error(`--select ${by}: no reference could be scored`);
  return selectTop(scored.map(({ row }) => row), scored.map(({ score }) => score), share);
}

/**
 * A row of the file that a run takes with `--resets`. Its score is named by the criterion, for a `score` would be
 * read as a rating; chat messages stay messages, for the model's template to write.
 */
export function selectionRow(
  { by }: Selection,
  { prompt, messages, response, score, id }: ReferenceRow & { score: number },
): Record<string, unknown> {
  const text = messages
    ? { prompt: messages, response: answerContent(response) }
    : { prompt, response };
  return { ...text, [by]: score, id };
}

function distinct(rows: readonly ReferenceRow[]): ReferenceRow[] {
  const keyed = rows.map((row) => [JSON.stringify([row.prompt, row.response]), row] as const);
  return [...new Map(keyed).values()];
}

function scoreNovelty(rows: readonly ReferenceRow[]): Scored[] {
  const scores = novelty(rows.map(({ response }) => response));
  return rows.map((row, i) => ({ row, score: scores[i] }));
}

async function scoreByModel(
  by: Exclude<Criterion, "novelty">,
  candidates: readonly ReferenceRow[],
  pairs: readonly PreferenceRow[],
  { auditor, rewardModel }: Scorer,
): Promise<Scored[]> {
  const sources = fitReferences(candidates, auditor);
  if (by === "coverage") {
    const found = await coverageOf(sources, auditor);
    return sources.map(({ row }, i) => ({ row, score: average(found[i].logProbs) }));
  }
  if (!isMeasured(rewardModel)) {
    throw new Error(`--select ${by} needs a reward model, and ${rewardModel.unmeasured}`);
  }
  const scores = await scoreSequences(rewardModel, sources.map(wholeSequence), MICRO_TOKENS);
  const scored = sources.map((source, i) => ({ ...source, score: scores[i] }));
  return by === "reward"
    ? scored
    : await subtractBeaten(scored, fitPairs(pairs, auditor), rewardModel);
}

/** Less the score of the best answer to the same prompt that lost a pair; references that beat none are left out. */
async function subtractBeaten(
  scored: readonly (FittedReference & Scored)[],
  pairs: ReturnType<typeof fitPairs>,
  rewardModel: Model,
): Promise<Scored[]> {
  const rejected = pairs.map(({ promptIds, rejectedIds }) => [...promptIds, ...rejectedIds]);
  const scores = await scoreSequences(rewardModel, rejected, MICRO_TOKENS);
  const beaten = new Map<string, number>();
  pairs.forEach(({ prompt }, i) => {
    beaten.set(prompt, Math.max(scores[i], beaten.get(prompt) ?? -Infinity));
  });
  return scored.flatMap(({ row, score }) => {
    const other = beaten.get(row.prompt);
    return other === undefined ? [] : [{ row, score: score - other }];
  });
}
