import type { AuditOptions } from "../../data/audit/data-audit.ts";
import type { Unmeasured } from "../../data/audit/measured.ts";
import type { PreferenceRow, ReferenceRow } from "../../data/rows.ts";
import { measureCoverage, type TokenCoverage } from "../../engine/rl/coverage.ts";
import type { EvaluationPrompt } from "../../engine/rl/evaluation.ts";
import { emptyFitReport } from "../../engine/rl/fit.ts";
import type { Pair } from "../../engine/rl/reward-model.ts";
import { encodePairText, encodePrompt, type PairText, type RowEncoder } from "./encode.ts";
import type { TextModel } from "./load-model.ts";
import { MICRO_TOKENS } from "./settings.ts";

export interface ModelAuditSettings {
  /** References and prompts that the model is asked about, at most. */
  sample: number;
  /** Of the quick reward model. */
  steps: number;
  /** Longest prompt; what the context leaves where undefined. */
  promptTokens?: number;
  responseTokens: number;
  seed: number;
}

/** A model with the data cut to its limits. */
export interface Auditor {
  text: TextModel;
  encoder: RowEncoder;
  settings: ModelAuditSettings;
  /** How the data audit counts tokens. */
  tokens: NonNullable<AuditOptions["tokens"]>;
}

export function auditor(text: TextModel, settings: ModelAuditSettings): Auditor {
  const { context, beginToken } = text.base.config;
  const { endToken, tokenizer, chat } = text;
  const { promptTokens = Infinity, responseTokens: maxResponse } = settings;
  const maxPrompt = Math.min(promptTokens, context - maxResponse);
  const limits = { context, beginToken, endToken, maxPrompt, maxResponse };
  const tokens = {
    prompt: (value: string) => tokenizer.encode(value),
    response: (value: string) => tokenizer.encodeContinuation(value),
    limits: { prompt: maxPrompt, response: maxResponse },
  };
  return { text, encoder: { tokenizer, chat, limits }, settings, tokens };
}

const TOP_P = 0.9;

/** A reference as token ids, with the row it comes from. */
export interface FittedReference extends EvaluationPrompt {
  row: ReferenceRow;
}

/** A pair as token ids and as text. */
export type FittedPair = Pair & PairText;

export function fitReferences(
  rows: readonly ReferenceRow[],
  { encoder }: Auditor,
): FittedReference[] {
  return rows.flatMap((row) => {
    const fitted = encodePrompt(encoder, row, emptyFitReport());
    return fitted ? [{ ...fitted, row }] : [];
  });
}

export function fitPairs(rows: readonly PreferenceRow[], { encoder }: Auditor): FittedPair[] {
  return rows.flatMap((row) => encodePairText(encoder, row, emptyFitReport()) ?? []);
}

/** Null where there are two rows or more, as an interval takes, else the reason why not. */
export function tooFew(
  what: string,
  fitting: number,
  rows: number,
  { encoder: { limits } }: Auditor,
): Unmeasured | null {
  if (fitting >= 2) return null;
  const reason = rows === 0
    ? `there are no ${what}`
    : `of ${rows} ${what} ${fitting} can be used (with responses of at most ` +
      `${limits.maxResponse} tokens, --response-tokens)`;
  return { unmeasured: `${reason}, and two are the least` };
}

/** What the model thinks of each reference's tokens. */
export function coverageOf(
  sources: readonly FittedReference[],
  { text }: Auditor,
): Promise<TokenCoverage[]> {
  return measureCoverage(text.base, sources, { topP: TOP_P, microTokens: MICRO_TOKENS });
}
