import type { Tokenizer } from "../nn/tokenizer.ts";

/** How long prompts and responses may be, in tokens. */
export interface FitLimits {
  /** Longest sequence of the model. A prompt always leaves room for `maxResponse` in it. */
  context: number;
  /** Longest prompt with its begin token; where absent, what the context leaves. */
  maxPrompt?: number;
  /** Longest response with its end token. */
  maxResponse: number;
  /** Opens every prompt, unless null. */
  beginToken: number | null;
  /** Closes every response. */
  endToken: number;
}

/** What became of the rows given to `fitRow`, `fitPair` or `fitChat`. */
export interface FitReport {
  rows: number;
  promptsCut: number;
  /** Rows left out, for a response is longer than `maxResponse`, or a chat's last question does not fit. */
  dropped: number;
}

export interface FittedPrompt {
  promptIds: number[];
  promptCut: boolean;
}

export interface FittedRow extends FittedPrompt {
  /** With the end token. */
  responseIds: number[];
}

export interface FittedPair extends FittedPrompt {
  chosenIds: number[];
  rejectedIds: number[];
}

type Encoder = Pick<Tokenizer, "encode" | "encodeContinuation">;

export function emptyFitReport(): FitReport {
  return { rows: 0, promptsCut: 0, dropped: 0 };
}

/**
 * A prompt and its response as token ids, or null where the response does not fit: a response is
 * never cut. The two are encoded apart, so that the boundary between them is the same in training
 * and in generation, and the prompt's ids do not depend on the response. Counts into `report`.
 */
export function fitRow(
  tokenizer: Encoder,
  prompt: string,
  response: string,
  limits: FitLimits,
  report: FitReport,
): FittedRow | null {
  const responseIds = fitResponse(tokenizer, response, limits);
  const fitted = responseIds && { ...fitPrompt(tokenizer, prompt, limits), responseIds };
  return countFitted(fitted, report);
}

/** A preference pair as token ids, or null where one of the responses does not fit. */
export function fitPair(
  tokenizer: Encoder,
  row: { prompt: string; chosen: string; rejected: string },
  limits: FitLimits,
  report: FitReport,
): FittedPair | null {
  const chosenIds = fitResponse(tokenizer, row.chosen, limits);
  const rejectedIds = fitResponse(tokenizer, row.rejected, limits);
  const fitted = chosenIds && rejectedIds &&
    { ...fitPrompt(tokenizer, row.prompt, limits), chosenIds, rejectedIds };
  return countFitted(fitted, report);
}

/**
 * A prompt as token ids with the begin token. One that is too long loses its start: it is cut at
 * the earliest turn that lets it fit, else at the earliest sentence, else between two tokens.
 */
export function fitPrompt(tokenizer: Encoder, prompt: string, limits: FitLimits): FittedPrompt {
  const begin = limits.beginToken === null ? [] : [limits.beginToken];
  const room = promptRoom(limits) - begin.length;
  const all = tokenizer.encode(prompt);
  if (all.length <= room) return { promptIds: [...begin, ...all], promptCut: false };
  const kept = longestSuffix(tokenizer, prompt, turnStarts(prompt), room) ??
    longestSuffix(tokenizer, prompt, sentenceStarts(prompt), room) ??
    all.slice(-room);
  return { promptIds: [...begin, ...kept], promptCut: true };
}

function fitResponse(tokenizer: Encoder, response: string, limits: FitLimits): number[] | null {
  const ids = [...tokenizer.encodeContinuation(response), limits.endToken];
  return ids.length <= limits.maxResponse ? ids : null;
}

/** Counts a row into the report: left out where it is null. */
export function countFitted<T extends FittedPrompt>(fitted: T | null, report: FitReport): T | null {
  report.rows++;
  if (fitted === null) report.dropped++;
  else if (fitted.promptCut) report.promptsCut++;
  return fitted;
}

/** Tokens that a prompt may have with its begin token. Throws where there is no room for one. */
export function promptRoom(
  { context, maxPrompt = Infinity, maxResponse, beginToken }: Omit<FitLimits, "endToken">,
): number {
  const room = Math.min(maxPrompt, context - maxResponse);
  const least = beginToken === null ? 1 : 2;
  if (room >= least) return room;
  throw new RangeError(
    `A context of ${context} tokens and responses of up to ${maxResponse} leave ${room} tokens ` +
      `for the prompt, and ${least} are the least; lower the response length`,
  );
}

/** Ids of the longest suffix that begins at one of `starts` (ascending) and fits, or null. */
function longestSuffix(
  tokenizer: Encoder,
  text: string,
  starts: number[],
  room: number,
): number[] | null {
  let longest: number[] | null = null;
  // From the end, so that the work is bounded by the room and not by the prompt.
  for (const start of starts.reverse()) {
    const ids = tokenizer.encode(text.slice(start));
    if (ids.length > room) break;
    longest = ids;
  }
  return longest;
}

const TURN = /\n\n(?:Human|Assistant):/g;
/** The place after an end of sentence or of a line, with closing quotes and brackets. */
const SENTENCE = /(?:[.!?…]+["'”’)\]]*\s+|\n+)(?=\S)/g;

function turnStarts(prompt: string): number[] {
  return withContent(prompt, [...prompt.matchAll(TURN)].map((match) => match.index));
}

function sentenceStarts(prompt: string): number[] {
  const starts = [...prompt.matchAll(SENTENCE)].map((match) => match.index + match[0].length);
  return withContent(prompt, starts);
}

/** Leaves out the bare "Assistant:" that closes a dialogue prompt: it says nothing by itself. */
function withContent(prompt: string, starts: number[]): number[] {
  return starts.filter((start) => !/^\s*\w+:\s*$/.test(prompt.slice(start)));
}
