import type { AuditOptions } from "../../data/audit/data-audit.ts";
import type { PreferenceRow, ReferenceRow } from "../../data/rows.ts";
import { measureCoverage, type TokenCoverage } from "../../engine/rl/coverage.ts";
import { emptyFitReport } from "../../engine/rl/fit.ts";
import { encodePair, encodeReference, type RowEncoder } from "./encode.ts";
import type { TextModel } from "./load-model.ts";

export interface ModelAuditSettings {
  /** References and prompts that the model is asked about, at most. */
  sample: number;
  /** Of the quick reward model. */
  steps: number;
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
  const limits = { context, beginToken, endToken, maxResponse: settings.responseTokens };
  const tokens = {
    prompt: (value: string) => tokenizer.encode(value),
    response: (value: string) => tokenizer.encodeContinuation(value),
    limits: { context, response: settings.responseTokens },
  };
  return { text, encoder: { tokenizer, chat, limits }, settings, tokens };
}

export const MICRO_TOKENS = 4096;
const TOP_P = 0.9;

/** A reference as token ids. */
export interface FittedReference {
  row: ReferenceRow;
  prompt: string;
  promptIds: number[];
  reference: string;
  referenceIds: number[];
}

export function fitReferences(
  rows: readonly ReferenceRow[],
  { encoder }: Auditor,
): FittedReference[] {
  return rows.flatMap((row) => {
    const fitted = encodeReference(encoder, row, emptyFitReport());
    if (!fitted) return [];
    const { promptIds, responseIds: referenceIds } = fitted;
    return [{ row, prompt: row.prompt, promptIds, reference: row.response, referenceIds }];
  });
}

export function fitPairs(rows: readonly PreferenceRow[], { encoder }: Auditor) {
  return rows.flatMap(({ prompt, chosen, rejected, ...row }) => {
    const fitted = encodePair(encoder, { prompt, chosen, rejected, ...row }, emptyFitReport());
    return fitted ? [{ ...fitted, prompt, chosen, rejected }] : [];
  });
}

export const wholeOf = (row: FittedReference) => [...row.promptIds, ...row.referenceIds];

export function tooLong(rows: number, { encoder: { limits } }: Auditor): string {
  return `Of ${rows} rows too few have responses of at most ${limits.maxResponse} tokens; ` +
    "raise --response-tokens, as far as the model's context allows";
}

/** What the model thinks of each reference's tokens. */
export function coverageOf(
  sources: readonly FittedReference[],
  { text }: Auditor,
): Promise<TokenCoverage[]> {
  return measureCoverage(text.base, sources, { topP: TOP_P, microTokens: MICRO_TOKENS });
}
