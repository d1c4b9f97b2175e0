import { fileURLToPath } from "node:url";
import type { Dataset, DatasetOptions } from "../../data/dataset.ts";
import { describeDataset } from "../../data/describe.ts";
import { goldScore } from "../../data/sentiment.ts";
import { splitRows } from "../../data/split.ts";
import type { EvaluationPrompt } from "../../engine/rl/evaluation.ts";
import { emptyFitReport, type FitReport } from "../../engine/rl/fit.ts";
import type { ResetSource } from "../../engine/rl/resets.ts";
import type { Pair } from "../../engine/rl/reward-model.ts";
import type { Demonstration } from "../../engine/rl/sft.ts";
import { loadDataset } from "./data.ts";
import {
  encodePairText,
  encodePrompt,
  type PairText,
  type ReferenceText,
  type RowEncoder,
} from "./encode.ts";

/** The data of a run as text, split by prompt. */
export interface TaskText {
  name: string;
  /** What was read of data of one's own. */
  description: string | null;
  goldName: string | null;
  gold: ((response: string) => number) | null;
  warnings: string[];
  pairs: { train: PairText[]; test: PairText[] };
  references: { train: ReferenceText[]; validation: ReferenceText[]; test: ReferenceText[] };
  /** What episodes are reset into; the training references where null. */
  resets: ReferenceText[] | null;
  rows: number;
  skippedBadRows: number;
  /** Pairs of equal responses, left out. */
  equalPairs: number;
  /** Training rows left out, for the data's own split has their prompt on both sides. */
  leakedRows: number;
}

/** The data of a run as token ids. */
export interface Task extends Omit<TaskText, "pairs" | "references" | "resets"> {
  /** As token ids, and as text for models of words. */
  pairs: { train: (Pair & PairText)[]; test: (Pair & PairText)[] };
  /** What SFT learns. */
  references: (Demonstration & EvaluationPrompt)[];
  /** Where episodes are reset to: the references, or a selection of one's own. */
  resets: ResetSource[];
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
export const SPLIT_SEED = 1;
export const FRACTIONS = { train: 0.85, validation: 0.05, test: 0.1 };

/** The bundled task: continue a story's opening so that it becomes a happier story. */
export async function bundledTask(): Promise<TaskText> {
  const pairs = async (split: string) =>
    (await loadDataset(`${storiesFolder}${split}.jsonl.gz`)).pairs;
  const references = async (split: string) =>
    (await loadDataset(`${storiesFolder}${split}-references.jsonl`)).references;
  const [train, test] = [await pairs("train"), await pairs("test")];
  return {
    name: "happier stories",
    description: null,
    goldName: "VADER sentiment",
    gold: goldScore,
    warnings: [],
    pairs: { train, test },
    references: {
      train: await references("train"),
      validation: await references("validation"),
      test: await references("test"),
    },
    resets: null,
    rows: train.length + test.length,
    skippedBadRows: 0,
    equalPairs: 0,
    leakedRows: 0,
  };
}

/** What a run does with data of one's own. */
export interface OwnDataOptions extends DatasetOptions {
  /** A file of prompts with responses, for SFT and resets in place of the data's own. */
  references?: string;
  /** A file of prompts with responses that episodes are reset into in place of the references. */
  resets?: string;
  /** The data may be demonstrations only, such as SFT learns. */
  pairsOptional?: boolean;
}

/**
 * Preference data of one's own, split by prompt. The reference of a prompt is its best rated response, or the one
 * that its last pair chose; of demonstrations there are references alone.
 */
export async function preferenceTask(
  path: string,
  { references, resets, pairsOptional = false, ...options }: OwnDataOptions,
): Promise<TaskText> {
  const data = await loadDataset(path, options);
  const paired = data.pairs.length > 0;
  if (!paired && !pairsOptional) throw new Error(noPreferences(data));
  const pairs = splitRows(data.pairs, FRACTIONS, SPLIT_SEED);
  const best = splitRows(data.references, FRACTIONS, SPLIT_SEED);
  const held = new Set(
    [pairs, best].flatMap(({ validation, test }) => [...validation, ...test])
      .map(({ prompt }) => prompt),
  );
  const read = async (file: string) => {
    const { columns: _, ...rest } = options;
    const own = await loadDataset(file, rest);
    return { ...own, references: own.references.filter(({ prompt }) => !held.has(prompt)) };
  };
  const own = references
    ? await read(references)
    : { references: uniquePrompts(best.train), bad: [] };
  const selected = resets ? await read(resets) : null;
  return {
    name: data.name,
    description: describeDataset(data),
    goldName: null,
    gold: null,
    warnings: [
      "The prompts and responses below come from real data or models trained on it and may be offensive.",
    ],
    pairs: { train: pairs.train, test: pairs.test },
    references: {
      train: own.references,
      validation: uniquePrompts(best.validation),
      test: uniquePrompts(best.test),
    },
    resets: selected && selected.references,
    rows: paired ? data.pairs.length : data.references.length,
    skippedBadRows: data.bad.length + own.bad.length + (selected?.bad.length ?? 0),
    equalPairs: data.equal.length,
    leakedRows: paired ? pairs.leaked : best.leaked,
  };
}

function noPreferences({ name, form, equal }: Dataset): string {
  const cause = equal.length > 0
    ? `all ${equal.length} pairs have equal responses`
    : `its form, ${form.name}, gave no two answers to compare`;
  return `${name} holds no preference pairs (${cause}), and a reward model needs some; ` +
    "give pairs, ratings or rankings as --data, and demonstrations as --references";
}

export function uniquePrompts<T extends ReferenceText>(rows: readonly T[]): T[] {
  return [...new Map(rows.map((row) => [row.prompt, row])).values()];
}

/** Token ids for a model: rows that do not fit are dropped and counted, prompts cut from the left. */
export function encodeTask(text: TaskText, encoder: RowEncoder): Task {
  const fit = emptyFitReport();
  const pairs = (rows: readonly PairText[]) =>
    rows.flatMap((row) => encodePairText(encoder, row, fit) ?? []);
  const prompts = (rows: readonly ReferenceText[], counts: FitReport): EvaluationPrompt[] =>
    rows.flatMap((row) => encodePrompt(encoder, row, counts) ?? []);
  const references = emptyFitReport(), heldOut = emptyFitReport();
  const { train, validation, test } = text.references;
  const demonstrations = prompts(train, references).map((row) => ({
    ...row,
    responseIds: row.referenceIds,
  }));
  return {
    ...text,
    pairs: { train: pairs(text.pairs.train), test: pairs(text.pairs.test) },
    references: demonstrations,
    resets: text.resets ? prompts(text.resets, references) : demonstrations,
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
