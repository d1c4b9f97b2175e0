import { generate } from "../../engine/nn/generation.ts";
import { fitPrompt, type FittedPrompt } from "../../engine/rl/fit.ts";
import { sum } from "../../engine/rl/statistics.ts";
import type { TextModel } from "./load-model.ts";

export interface SamplingOptions {
  /** 0: the likeliest token is taken. */
  temperature: number;
  /** 0: off. */
  topK: number;
  /** 1: off. */
  topP: number;
  /** Most tokens of a completion. */
  responseTokens: number;
  seed: number;
}

export interface Completion {
  text: string;
  tokens: number;
  /** Whether the model ended it by itself. */
  ended: boolean;
  /** Of its tokens under softmax(logits / temperature), summed (temperature 1 where the likeliest are taken), in nats. */
  logProb: number;
}

/** A text as a prompt; one that leaves no room for the completion in the context loses its start. */
export function textPrompt(
  { base: { config }, tokenizer, endToken }: TextModel,
  text: string,
  { responseTokens: maxResponse }: SamplingOptions,
): FittedPrompt {
  const { context, beginToken } = config;
  return fitPrompt(tokenizer, text, { context, maxResponse, beginToken, endToken });
}

/** Samples one completion of each prompt. `first` is the number of the first draw under the seed. */
export async function complete(
  { base, tokenizer }: TextModel,
  prompts: readonly (readonly number[])[],
  { responseTokens: newTokens, temperature, topK, topP, seed }: SamplingOptions,
  first: number,
): Promise<Completion[]> {
  const { endTokens } = base.config;
  const requests = prompts.map((context, i) => ({ context, newTokens, episode: first + i }));
  const drawing = temperature > 0 ? { temperature, topK, topP } : { temperature: 1, topK: 1 };
  const drawn = await generate(base, requests, { ...drawing, seed, endTokens });
  return drawn.map(({ tokens, logProbs, ended }) => ({
    text: tokenizer.decodeContinuation(tokens),
    tokens: tokens.length,
    ended,
    logProb: sum(logProbs),
  }));
}
