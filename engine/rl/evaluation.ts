import { generate } from "../nn/generation.ts";
import { logProbabilities, type Model, packPredictions } from "../nn/model.ts";
import type { Tokenizer } from "../nn/tokenizer.ts";
import { purposes } from "../ops/threefry.ts";
import { groupByTokens } from "./order.ts";
import { type OnDone, scoreSequences } from "./reward-model.ts";
import {
  bootstrapMean,
  distinctN,
  type Estimate,
  jackknife,
  repetition,
  sum,
  wilsonShare,
} from "./statistics.ts";

/** A held-out prompt with the response of the data. */
export interface EvaluationPrompt {
  prompt: string;
  promptIds: readonly number[];
  reference: string;
  /** With the end token. */
  referenceIds: readonly number[];
}

export interface EvaluationSettings {
  temperature: number;
  responseTokens: number;
  microTokens: number;
  /** Rows that are generated together. */
  batchRows: number;
  seed: number;
}

/** One sampled response with everything that is measured of it. */
export interface Answer {
  text: string;
  tokens: readonly number[];
  ended: boolean;
  /** Score by `Judges.reward`, whether or not the response ended. */
  reward: number;
  /** Σ log π − log π_ref over the response's tokens (k1), in nats. */
  kl: number;
  /** The task's true score, where it has one. */
  gold: number | null;
}

export interface Judges {
  reference: Model;
  /** A reward model, or what else tells how good a response is. */
  reward: Model | ((prompt: EvaluationPrompt, response: readonly number[]) => number);
  tokenizer: Tokenizer;
  gold: ((response: string) => number) | null;
}

/**
 * Samples one response to each prompt, without resets, and measures it. Every policy
 * gets the same random numbers, which are none of training's.
 */
export async function answerPrompts(
  policy: Model,
  prompts: readonly EvaluationPrompt[],
  judges: Judges,
  settings: EvaluationSettings,
  onDone: OnDone = () => {},
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let start = 0; start < prompts.length; start += settings.batchRows) {
    const rows = prompts.slice(start, start + settings.batchRows);
    answers.push(...await answerSome(policy, rows, start, judges, settings));
    onDone(rows.length);
  }
  return answers;
}

async function answerSome(
  policy: Model,
  prompts: readonly EvaluationPrompt[],
  first: number,
  { reference, reward, tokenizer, gold }: Judges,
  { temperature, responseTokens, microTokens, seed }: EvaluationSettings,
): Promise<Answer[]> {
  const requests = prompts.map(({ promptIds }, i) => ({
    context: promptIds,
    newTokens: responseTokens,
    episode: first + i,
  }));
  const { endTokens } = policy.config;
  const drawn = await generate(policy, requests, {
    temperature,
    seed,
    purpose: purposes.evaluation,
    endTokens,
  });
  const sequences = drawn.map(({ tokens }, i) => [...prompts[i].promptIds, ...tokens]);
  const starts = prompts.map(({ promptIds }) => promptIds.length);
  const ours = await responseLogProbs(policy, sequences, starts, temperature, microTokens);
  const theirs = await responseLogProbs(reference, sequences, starts, temperature, microTokens);
  const scores = typeof reward === "function"
    ? drawn.map(({ tokens }, i) => reward(prompts[i], tokens))
    : await scoreSequences(reward, sequences, microTokens);
  return drawn.map(({ tokens, ended }, i) => {
    const text = tokenizer.decodeContinuation(tokens);
    return {
      text,
      tokens,
      ended,
      reward: scores[i],
      kl: ours[i] - theirs[i],
      gold: gold ? gold(text) : null,
    };
  });
}

/** Log probability of the tokens of each sequence from `starts[b]` on, summed. */
export async function responseLogProbs(
  model: Model,
  sequences: readonly (readonly number[])[],
  starts: readonly number[],
  temperature: number,
  microTokens: number,
  onDone: OnDone = () => {},
): Promise<number[]> {
  const { engine } = model.parameters;
  const sums: number[] = [];
  for (const [from, to] of groupByTokens(sequences.map(({ length }) => length), microTokens)) {
    const rows = sequences.slice(from, to);
    const ranges = rows.map(({ length }, i) => [starts[from + i], length] as const);
    const part = engine.scope(() =>
      logProbabilities(model, packPredictions(engine, rows, ranges), temperature).logProb
    );
    const values = await part.read();
    engine.release(part);
    let at = 0;
    for (const [start, end] of ranges) {
      sums.push(sum(values.subarray(at, at += end - start)));
    }
    onDone(to - from);
  }
  return sums;
}

/** The estimates of one policy that need no other policy. */
export interface Summary {
  gold: Estimate | null;
  reward: Estimate;
  kl: Estimate;
  klPerToken: Estimate;
  length: Estimate;
  ended: Estimate;
  distinct2: Estimate;
  repetition: Estimate;
}

/** Means with 95 % intervals over prompts. */
export function summarize(answers: readonly Answer[], seed: number): Summary {
  const mean = (value: (answer: Answer) => number) => bootstrapMean(answers.map(value), { seed });
  const ended = answers.filter((answer) => answer.ended).length;
  return {
    gold: answers.every(({ gold }) => gold !== null) ? mean(({ gold }) => gold!) : null,
    reward: mean(({ reward }) => reward),
    kl: mean(({ kl }) => kl),
    klPerToken: jackknife(answers, (some) => total(some, "kl") / total(some, "tokens")),
    length: mean(({ tokens }) => tokens.length),
    ended: wilsonShare(ended, answers.length),
    distinct2: jackknife(answers, (some) => distinctN(some.map(({ tokens }) => tokens), 2)),
    repetition: mean(({ tokens }) => repetition(tokens)),
  };
}

function total(answers: readonly Answer[], what: "kl" | "tokens"): number {
  return answers.reduce((sum, { kl, tokens }) => sum + (what === "kl" ? kl : tokens.length), 0);
}
