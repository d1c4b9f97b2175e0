import {
  type Answer,
  type EvaluationPrompt,
  summarize,
  type Summary,
} from "../../engine/rl/evaluation.ts";
import { type Estimate, winRate } from "../../engine/rl/statistics.ts";
import { formatEstimate } from "../report/measures.ts";
import { align } from "../report/table.ts";

/** A model's answers to the held-out prompts. */
export interface Candidate {
  name: string;
  answers: readonly Answer[];
}

type Measures = Omit<Summary, "gold" | "reward">;

/** What is measured of one model; the KL is to the first one. */
export interface CandidateResult extends Measures {
  name: string;
  /** These three where there is a reward model; ties count half. */
  reward?: Estimate;
  winRateFirst?: Estimate;
  winRateReferences?: Estimate;
}

/** Measures every model; `referenceRewards` are the scores of the data's responses, null without a reward model. */
export function compareCandidates(
  candidates: readonly Candidate[],
  referenceRewards: readonly number[] | null,
  seed: number,
): CandidateResult[] {
  const scores = candidates.map(({ answers }) => answers.map(({ reward }) => reward));
  return candidates.map(({ name, answers }, i) => {
    const { gold: _, reward, ...rest } = summarize(answers, seed);
    if (!referenceRewards) return { name, ...rest };
    return {
      name,
      ...rest,
      reward,
      winRateReferences: winRate(scores[i], referenceRewards, { seed }),
      ...i > 0 ? { winRateFirst: winRate(scores[i], scores[0], { seed }) } : {},
    };
  });
}

/** A row per measure, a column per model. */
export function renderCandidates(results: readonly CandidateResult[], prompts: number): string {
  const row = (
    title: string,
    key: keyof Omit<CandidateResult, "name">,
    digits: number,
    scale = 1,
  ) => {
    const cells = results.map((result) => result[key]);
    if (cells.every((cell) => cell === undefined)) return [];
    return [[title, ...cells.map((cell) => cell ? formatEstimate(cell, digits, scale) : "-")]];
  };
  return align([
    [`${prompts} held-out prompts, mean [interval]`, ...results.map(({ name }) => name)],
    ...row("Reward-model score", "reward", 3),
    ...row("Wins against the first, %", "winRateFirst", 1, 100),
    ...row("Wins against the data's responses, %", "winRateReferences", 1, 100),
    ...row("KL to the first, nats per response", "kl", 2),
    ...row("Length, tokens", "length", 1),
    ...row("Ends properly, %", "ended", 1, 100),
    ...row("Distinct-2", "distinct2", 3),
    ...row("Repetition", "repetition", 3),
  ]);
}

/** The answers for samples.jsonl. */
export function candidateSamples(
  { name, answers }: Candidate,
  prompts: readonly EvaluationPrompt[],
  scored: boolean,
): object[] {
  return answers.map(({ text, reward, kl, ended }, i) => ({
    model: name,
    prompt: prompts[i].prompt,
    response: text,
    ...scored ? { reward } : {},
    kl,
    ended,
    reference: prompts[i].reference,
  }));
}

/** The same prompts answered by all models, to be read. */
export function renderSamples(
  candidates: readonly Candidate[],
  prompts: readonly EvaluationPrompt[],
  count: number,
): string {
  return prompts.slice(0, count).map(({ prompt }, i) => {
    const answers = candidates.map(({ name, answers }) => `[${name}]${answers[i].text}`);
    return [`> ${prompt.slice(-400)}`, ...answers].join("\n");
  }).join("\n\n");
}
