import { z } from "zod";
import { fileURLToPath } from "node:url";
import { readPreferences } from "../../data/preferences.ts";
import { readRows } from "../../data/rows.ts";
import { goldScore } from "../../data/sentiment.ts";
import { splitByPrompt } from "../../data/split.ts";
import type { Tokenizer } from "../../engine/nn/tokenizer.ts";
import type { EvaluationPrompt } from "../../engine/rl/evaluation.ts";
import {
  emptyFitReport,
  type FitLimits,
  fitPair,
  type FitReport,
  fitRow,
} from "../../engine/rl/fit.ts";
import type { ResetSource } from "../../engine/rl/resets.ts";
import type { Pair } from "../../engine/rl/reward-model.ts";
import type { Demonstration } from "../../engine/rl/sft.ts";

/** A prompt with a good response, as text. */
export interface ReferenceRow {
  prompt: string;
  response: string;
}

interface TextPair {
  prompt: string;
  chosen: string;
  rejected: string;
}

/** The data of a run as text, split by prompt. */
export interface TaskText {
  name: string;
  goldName: string | null;
  gold: ((response: string) => number) | null;
  warnings: string[];
  pairs: { train: TextPair[]; test: TextPair[] };
  references: { train: ReferenceRow[]; validation: ReferenceRow[]; test: ReferenceRow[] };
  rows: number;
  skippedBadRows: number;
}

/** The data of a run as token ids. */
export interface Task extends Omit<TaskText, "pairs" | "references"> {
  /** As token ids, and as text for models of words. */
  pairs: { train: (Pair & TextPair)[]; test: (Pair & TextPair)[] };
  /** What SFT learns and where episodes are reset to. */
  references: (Demonstration & EvaluationPrompt)[];
  validation: EvaluationPrompt[];
  test: EvaluationPrompt[];
  /** Counts of the preference pairs. */
  fit: FitReport;
  /** References, and validation and test prompts, left out because their response is too long. */
  referencesDropped: number;
  heldOutPromptsDropped: number;
}

const storiesFolder = fileURLToPath(new URL("../../data/stories/", import.meta.url));
/** The same for every run, so that seeds of a run are compared on the same prompts. */
const SPLIT_SEED = 1;
const referenceSchema = z.looseObject({ prompt: z.string().min(1), response: z.string().min(1) });

/** The bundled task: continue a story's opening so that it becomes a happier story. */
export async function bundledTask(): Promise<TaskText> {
  const pairs = async (split: string) =>
    (await readPreferences(`${storiesFolder}${split}.jsonl.gz`)).rows;
  const references = async (split: string) =>
    (await readRows(`${storiesFolder}${split}-references.jsonl`, referenceSchema)).rows;
  const [train, test] = [await pairs("train"), await pairs("test")];
  return {
    name: "happier stories",
    goldName: "VADER sentiment",
    gold: goldScore,
    warnings: [],
    pairs: { train, test },
    references: {
      train: await references("train"),
      validation: await references("validation"),
      test: await references("test"),
    },
    rows: train.length + test.length,
    skippedBadRows: 0,
  };
}

/** Preference pairs of one's own, split by prompt; the chosen responses are the references. */
export async function preferenceTask(
  path: string,
  { skipBadRows, references }: { skipBadRows: boolean; references?: string },
): Promise<TaskText> {
  const { rows, skipped } = await readPreferences(path, { skipBadRows });
  const split = splitByPrompt(rows, { train: 0.85, validation: 0.05, test: 0.1 }, SPLIT_SEED);
  const chosen = (part: typeof rows) =>
    uniquePrompts(part.map(({ prompt, chosen }) => ({ prompt, response: chosen })));
  const held = new Set([...split.validation, ...split.test].map(({ prompt }) => prompt));
  const own = references
    ? await readRows(references, referenceSchema, { skipBadRows })
    : { rows: chosen(split.train), skipped: [] };
  return {
    name: path.split("/").slice(-3).join("/"),
    goldName: null,
    gold: null,
    warnings: [
      "The prompts and responses below come from real data or models trained on it and may be offensive.",
    ],
    pairs: { train: split.train, test: split.test },
    references: {
      train: own.rows.filter(({ prompt }) => !held.has(prompt)),
      validation: chosen(split.validation),
      test: chosen(split.test),
    },
    rows: rows.length,
    skippedBadRows: skipped.length + own.skipped.length,
  };
}

function uniquePrompts(rows: ReferenceRow[]): ReferenceRow[] {
  return [...new Map(rows.map((row) => [row.prompt, row])).values()];
}

/** Token ids for a model: rows that do not fit are dropped and counted, prompts cut from the left. */
export function encodeTask(text: TaskText, tokenizer: Tokenizer, limits: FitLimits): Task {
  const fit = emptyFitReport();
  const pairs = (rows: TextPair[]) =>
    rows.flatMap((row) => {
      const fitted = fitPair(tokenizer, row, limits, fit);
      const { prompt, chosen, rejected } = row;
      return fitted ? [{ ...fitted, prompt, chosen, rejected }] : [];
    });
  const prompts = (rows: ReferenceRow[], counts: FitReport): EvaluationPrompt[] =>
    rows.flatMap(({ prompt, response }) => {
      const fitted = fitRow(tokenizer, prompt, response, limits, counts);
      if (!fitted) return [];
      const { promptIds, responseIds: referenceIds } = fitted;
      return [{ prompt, promptIds, reference: response, referenceIds }];
    });
  const references = emptyFitReport(), heldOut = emptyFitReport();
  const { train, validation, test } = text.references;
  return {
    ...text,
    pairs: { train: pairs(text.pairs.train), test: pairs(text.pairs.test) },
    references: prompts(train, references).map((row) => ({
      ...row,
      responseIds: row.referenceIds,
    })),
    validation: prompts(validation, heldOut),
    test: prompts(test, heldOut),
    fit,
    referencesDropped: references.dropped,
    heldOutPromptsDropped: heldOut.dropped,
  };
}

/** Prompt and reference as one sequence of token ids. */
export function wholeSequence({ promptIds, referenceIds }: ResetSource): number[] {
  return [...promptIds, ...referenceIds];
}
