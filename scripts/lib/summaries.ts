import type { z } from "zod";
import { postPrompt, summarySchema } from "../../data/forms/summaries.ts";
import { readRows } from "../../data/rows.ts";
import { sentenceEnds } from "../../data/sentiment.ts";
import type { ModelConfig } from "../../engine/nn/config.ts";
import type { Tokenizer } from "../../engine/nn/tokenizer.ts";
import type { EvaluationPrompt } from "../../engine/rl/evaluation.ts";
import { openFile } from "../host/files.ts";

export type SummaryRow = z.infer<typeof summarySchema>;

export async function readSummaries(path: string): Promise<SummaryRow[]> {
  return (await readRows(await openFile(path), summarySchema)).rows;
}

export interface SummaryLimits {
  /** Longest prompt with its begin token, in tokens. */
  promptTokens: number;
  /** Longest summary with its end token. */
  responseTokens: number;
}

/** What became of the rows. */
export interface SummaryReport {
  rows: number;
  /** Posts of which only the first sentences are in the prompt. */
  postsCut: number;
  /** Rows left out, for the summary is too long, or the title leaves no room for a post. */
  dropped: number;
}

const LEAST_POST = 32; // tokens

/**
 * Posts with their authors' summaries as token ids, in OpenAI's format (Stiennon et al. 2020):
 * "SUBREDDIT: r/… TITLE: … POST: … TL;DR:" (`postPrompt`). A long post loses its last sentences, for the format, the title
 * and the beginning say what it is about; a summary is never cut. Counts into `report`.
 */
export function encodeSummaries(
  rows: readonly SummaryRow[],
  tokenizer: Tokenizer,
  config: ModelConfig,
  limits: SummaryLimits,
  report: SummaryReport,
): EvaluationPrompt[] {
  const begin = config.beginToken === null ? [] : [config.beginToken];
  return rows.flatMap(({ summary, ...row }) => {
    report.rows++;
    const prompt = postPrompt(row);
    const tail = tokenizer.encodeContinuation(prompt.tail);
    const reference = ` ${summary}`;
    const referenceIds = [...tokenizer.encodeContinuation(reference), config.endTokens[0]];
    const head = [...begin, ...tokenizer.encode(prompt.head)];
    const room = limits.promptTokens - head.length - tail.length;
    if (referenceIds.length > limits.responseTokens || room < LEAST_POST) {
      report.dropped++;
      return [];
    }
    const { ids, cut } = firstSentences(tokenizer, prompt.post, room);
    if (cut) report.postsCut++;
    const promptIds = [...head, ...ids, ...tail];
    return [{ prompt: tokenizer.decode(promptIds), promptIds, reference, referenceIds }];
  });
}

/** Ids of as many sentences as fit; of a first one that does not, its first tokens. */
function firstSentences(tokenizer: Tokenizer, text: string, room: number) {
  const bounds = [0, ...sentenceEnds(text)];
  if (bounds.at(-1) !== text.length) bounds.push(text.length);
  const ids: number[] = [];
  for (const [i, end] of bounds.slice(1).entries()) {
    const sentence = tokenizer.encodeContinuation(text.slice(bounds[i], end));
    if (ids.length + sentence.length > room) {
      return { ids: i === 0 ? sentence.slice(0, room) : ids, cut: true };
    }
    ids.push(...sentence);
  }
  return { ids, cut: false };
}
