import { type Answer, type EvaluationPrompt, summarize } from "../../engine/rl/evaluation.ts";
import { bootstrapMean } from "../../engine/rl/statistics.ts";
import { formatEstimate } from "../report/measures.ts";
import { align } from "../report/table.ts";
import { type MethodName, methodNames, methodTitles } from "../report/types.ts";
import type { Cost } from "./results.ts";
import { rougeScores } from "./rouge.ts";

export type SummaryResult = ReturnType<typeof summaryResult>;

/** What is measured of one method whose answers' reward is ROUGE-L against the author's summary. */
export function summaryResult(
  answers: readonly Answer[],
  prompts: readonly EvaluationPrompt[],
  cost: Cost,
  seed: number,
) {
  const scores = answers.map(({ text }, i) => rougeScores(text, prompts[i].reference));
  const { gold: _, reward: rougeL, ...rest } = summarize(answers, seed);
  return {
    rouge1: bootstrapMean(scores.map(({ rouge1 }) => rouge1), { seed }),
    rouge2: bootstrapMean(scores.map(({ rouge2 }) => rouge2), { seed }),
    rougeL,
    ...rest,
    generatedTokens: cost.generatedTokens,
    seconds: Math.round(cost.seconds * 10) / 10,
  };
}

/** A row per measure, a column per method. */
export function renderSummaryTable(results: Partial<Record<MethodName, SummaryResult>>): string {
  const columns = methodNames.flatMap((name) => {
    const result = results[name];
    return result ? [{ name, result }] : [];
  });
  const row = (title: string, key: keyof SummaryResult, digits = 0, scale = 1) => [
    title,
    ...columns.map(({ result }) => {
      const value = result[key];
      return typeof value === "number" ? String(value) : formatEstimate(value, digits, scale);
    }),
  ];
  return align([
    ["", ...columns.map(({ name }) => methodTitles[name])],
    row("ROUGE-1", "rouge1", 3),
    row("ROUGE-2", "rouge2", 3),
    row("ROUGE-L, the synthetic reward", "rougeL", 3),
    row("KL to SFT, nats per response", "kl", 2),
    row("Length, tokens", "length", 1),
    row("Ending properly, %", "ended", 1, 100),
    row("Distinct bigrams, %", "distinct2", 1, 100),
    row("Generated tokens in training", "generatedTokens"),
    row("Seconds of training", "seconds"),
  ]);
}
