import { fileURLToPath } from "node:url";
import { goldScore } from "../../data/sentiment.ts";
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
  /** Counts of the preference pairs; of demonstrations, where there are no pairs. */
  fit: FitReport;
  /** Left out because a response is too long: pairs, references, resets of one's own, validation and test prompts. */
  pairsDropped: number;
  referencesDropped: number;
  resetsDropped: number;
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

export function uniquePrompts<T extends ReferenceText>(rows: readonly T[]): T[] {
  return [...new Map(rows.map((row) => [row.prompt, row])).values()];
}

/** Token ids for a model: rows that do not fit are dropped and counted, prompts cut from the left. */
export function encodeTask(text: TaskText, encoder: RowEncoder): Task {
  const [paired, references, resets, heldOut] = Array.from({ length: 4 }, emptyFitReport);
  const pairs = (rows: readonly PairText[]) =>
    rows.flatMap((row) => encodePairText(encoder, row, paired) ?? []);
  const prompts = (rows: readonly ReferenceText[], counts: FitReport): EvaluationPrompt[] =>
    rows.flatMap((row) => encodePrompt(encoder, row, counts) ?? []);
  const { train, validation, test } = text.references;
  const demonstrations = prompts(train, references).map((row) => ({
    ...row,
    responseIds: row.referenceIds,
  }));
  const task = {
    ...text,
    pairs: { train: pairs(text.pairs.train), test: pairs(text.pairs.test) },
    references: demonstrations,
    resets: text.resets ? prompts(text.resets, resets) : demonstrations,
    validation: prompts(validation, heldOut),
    test: prompts(test, heldOut),
  };
  return {
    ...task,
    fit: paired.rows > 0 ? paired : added(references, heldOut),
    pairsDropped: paired.dropped,
    referencesDropped: references.dropped,
    resetsDropped: resets.dropped,
    heldOutPromptsDropped: heldOut.dropped,
  };
}

function added(a: FitReport, b: FitReport): FitReport {
  return {
    rows: a.rows + b.rows,
    promptsCut: a.promptsCut + b.promptsCut,
    dropped: a.dropped + b.dropped,
  };
}

/** Prompt and reference as one sequence of token ids. */
export function wholeSequence({ promptIds, referenceIds }: ResetSource): number[] {
  return [...promptIds, ...referenceIds];
}
