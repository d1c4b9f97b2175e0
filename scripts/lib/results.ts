import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Answer, type EvaluationPrompt, summarize } from "../../engine/rl/evaluation.ts";
import type { Tokenizer } from "../../engine/nn/tokenizer.ts";
import type { PolicyTrainer } from "../../engine/rl/policy-trainer.ts";
import { average, distinctN, pairedDifference, sum, winRate } from "../../engine/rl/statistics.ts";
import type { StepMetrics } from "../../engine/rl/trainer.ts";
import type { RunFolder } from "../host/run-folder.ts";
import type { Comparison, MethodName, MethodResult, Sample } from "../report/types.ts";

/** What a method's training cost. */
export interface Cost {
  generatedTokens: number;
  seconds: number;
}

/** What win rates and comparisons go by: gold where the task has it, else the reward model. */
export interface WinScores {
  by: "gold" | "reward";
  of(answers: readonly Answer[]): number[];
  /** The same score of the data's responses to the test prompts. */
  references: readonly number[];
}

export function winScores(
  gold: ((response: string) => number) | null,
  prompts: readonly EvaluationPrompt[],
  referenceRewards: readonly number[],
): WinScores {
  if (!gold) {
    return {
      by: "reward",
      of: (answers) => answers.map(({ reward }) => reward),
      references: referenceRewards,
    };
  }
  return {
    by: "gold",
    of: (answers) => answers.map((answer) => answer.gold!),
    references: prompts.map(({ reference }) => gold(reference)),
  };
}

/** A point of the training curves: means on validation prompts. */
export function curvePoint(answers: readonly Answer[]): StepMetrics {
  const mean = (value: (answer: Answer) => number) => average(answers.map(value));
  const point: StepMetrics = {
    reward: mean(({ reward }) => reward),
    kl: mean(({ kl }) => kl),
    distinct2: distinctN(answers.map(({ tokens }) => tokens), 2),
  };
  if (answers.every(({ gold }) => gold !== null)) point["gold"] = mean(({ gold }) => gold!);
  return point;
}

/** The row of one method: everything is measured on the same prompts. */
export function methodResult(
  answers: readonly Answer[],
  sft: readonly Answer[] | null,
  scores: WinScores,
  cost: Cost,
  seed: number,
): MethodResult {
  const own = scores.of(answers);
  return {
    ...summarize(answers, seed),
    winRate: sft ? winRate(own, scores.of(sft), { seed }) : null,
    winRateReferences: winRate(own, scores.references, { seed }),
    generatedTokens: cost.generatedTokens,
    seconds: Math.round(cost.seconds * 10) / 10,
  };
}

/** The difference of two methods on the same prompts. */
export function compare(
  [of, ours]: readonly [MethodName, readonly Answer[]],
  [against, theirs]: readonly [MethodName, readonly Answer[]],
  scores: WinScores,
  at: Comparison["at"],
  seed: number,
): Comparison {
  const difference = pairedDifference(scores.of(ours), scores.of(theirs), { seed });
  return { of, against, measure: scores.by, at, difference };
}

/** The answers of a method for samples.jsonl. */
export function testSamples(
  method: MethodName,
  prompts: readonly EvaluationPrompt[],
  answers: readonly Answer[],
): Sample[] {
  return answers.map(({ text, gold, reward, kl, ended }, i) => ({
    method,
    split: "test",
    prompt: prompts[i].prompt,
    response: text,
    ...(gold === null ? {} : { gold }),
    reward,
    kl,
    ended,
    reference: prompts[i].reference,
  }));
}

/** The first few episodes of the trainer's last update, for samples.jsonl. */
export function episodeSamples(
  method: "ppo" | "drpo",
  { step, latest, sources }: PolicyTrainer,
  tokenizer: Tokenizer,
  gold: ((response: string) => number) | null,
): Sample[] {
  if (!latest) return [];
  const { episodes, report } = latest;
  let at = 0;
  return episodes.slice(0, EPISODES_KEPT).map((episode, i) => {
    const { tokens, promptLength, prefixLength, row, ended } = episode;
    const start = promptLength + prefixLength;
    const end = at + tokens.length - start;
    const kl = sum(report.logProbs.subarray(at, end)) -
      sum(report.referenceLogProbs.subarray(at, end));
    at = end;
    const prefix = tokenizer.decodeContinuation(tokens.slice(promptLength, start));
    const response = tokenizer.decodeContinuation(tokens.slice(start));
    return {
      method,
      split: "train",
      step,
      prompt: tokenizer.decode(tokens.slice(0, promptLength)),
      response,
      ...(gold ? { gold: gold(prefix + response) } : {}),
      reward: report.scores[i],
      kl,
      ended,
      reference: tokenizer.decodeContinuation(sources[row].referenceIds),
      ...(prefixLength ? { reset: { row, prefixLength, prefix } } : {}),
    };
  });
}

const EPISODES_KEPT = 4;

/** Answers that are taken at most once, and found again by a resumed run. */
export class SavedAnswers {
  answers: Answer[] | null = null;

  constructor(readonly folder: RunFolder, readonly name: string) {
    const path = join(folder.path, name);
    if (existsSync(path)) this.answers = JSON.parse(readFileSync(path, "utf8"));
  }

  async take(answer: () => Promise<Answer[]>): Promise<void> {
    if (this.answers) return;
    this.answers = await answer();
    this.folder.write(this.name, JSON.stringify(this.answers));
  }
}
