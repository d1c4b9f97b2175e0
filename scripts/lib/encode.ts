import { answerContent } from "../../data/chat.ts";
import type { PreferenceRow, ReferenceRow } from "../../data/rows.ts";
import type { Chat, Message } from "../../engine/nn/chat.ts";
import type { Tokenizer } from "../../engine/nn/tokenizer.ts";
import type { EvaluationPrompt } from "../../engine/rl/evaluation.ts";
import {
  type FitLimits,
  fitPair,
  type FitReport,
  fitRow,
  type FittedPair,
  type FittedRow,
} from "../../engine/rl/fit.ts";
import { fitChat } from "../../engine/rl/fit-chat.ts";
import type { Pair } from "../../engine/rl/reward-model.ts";

/** What turns rows into token ids: chat messages by the model's chat template where it has one. */
export interface RowEncoder {
  tokenizer: Tokenizer;
  chat: Chat | null;
  limits: FitLimits;
}

/** A row of data, or text without an origin. */
type Text<Row extends PreferenceRow | ReferenceRow> =
  & Pick<Row, Extract<keyof Row, "prompt" | "chosen" | "rejected" | "response">>
  & Partial<Pick<Row, "messages" | "id">>;
export type PairText = Text<PreferenceRow>;
export type ReferenceText = Text<ReferenceRow>;

/** Token ids of a pair, or null where it does not fit; counts into `report`. */
export function encodePair(
  encoder: RowEncoder,
  row: PairText,
  report: FitReport,
): FittedPair | null {
  const fitted = encodeChat(encoder, row, [row.chosen, row.rejected], report);
  if (fitted === undefined) return fitPair(encoder.tokenizer, row, encoder.limits, report);
  if (fitted === null) return null;
  const { answerIds: [chosenIds, rejectedIds], ...prompt } = fitted;
  return { ...prompt, chosenIds, rejectedIds };
}

/** Token ids of a prompt and its response, or null where they do not fit; counts into `report`. */
export function encodeReference(
  encoder: RowEncoder,
  row: ReferenceText,
  report: FitReport,
): FittedRow | null {
  const { tokenizer, limits } = encoder;
  const fitted = encodeChat(encoder, row, [row.response], report);
  if (fitted === undefined) return fitRow(tokenizer, row.prompt, row.response, limits, report);
  if (fitted === null) return null;
  const { answerIds: [responseIds], ...prompt } = fitted;
  return { ...prompt, responseIds };
}

/** A pair with its texts, or null where it does not fit; counts into `report`. */
export function encodePairText(
  encoder: RowEncoder,
  row: PairText,
  report: FitReport,
): (Pair & PairText) | null {
  const { prompt, chosen, rejected } = row;
  const fitted = encodePair(encoder, row, report);
  return fitted && { ...fitted, prompt, chosen, rejected };
}

/** A reference with its texts, or null where it does not fit; counts into `report`. */
export function encodePrompt(
  encoder: RowEncoder,
  row: ReferenceText,
  report: FitReport,
): EvaluationPrompt | null {
  const { prompt, response: reference } = row;
  const fitted = encodeReference(encoder, row, report);
  return fitted &&
    { prompt, promptIds: fitted.promptIds, reference, referenceIds: fitted.responseIds };
}

/** Undefined where the row is plain text, or the model has no chat template. */
function encodeChat(
  { chat, limits }: RowEncoder,
  { messages, id }: { messages?: readonly Message[] | null; id?: string },
  responses: readonly string[],
  report: FitReport,
) {
  if (!chat || !messages) return undefined;
  try {
    return fitChat(chat, messages, responses.map(answerContent), limits, report);
  } catch (error) {
    throw new Error(`${id}: ${(error as Error).message}`, { cause: error });
  }
}
