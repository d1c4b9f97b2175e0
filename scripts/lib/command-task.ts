import { type ColumnMap, parseColumns } from "../../data/forms/recognise.ts";
import { asArgument } from "../host/arguments.ts";
import type { Output } from "../host/output.ts";
import { checkResponseTokens, type TextModel } from "./load-model.ts";
import { preferenceTask } from "./preference-task.ts";
import { encodeTask, type Task, type TaskText } from "./task.ts";

/** What the flags say about the data. */
export interface DataOptions {
  data: string;
  columns?: string;
  references?: string;
  resets?: string;
  skipBadRows: boolean;
  pairsOptional?: boolean;
}

export interface Lengths {
  /** Longest prompt, in tokens. */
  promptTokens: number;
  responseTokens: number;
}

/** Reads what `--data` names, split by prompt, as token ids of the model; says what became of the rows. */
export async function readTask(
  options: DataOptions & Lengths,
  model: TextModel,
  output: Output,
): Promise<Task> {
  return encodeText(await readText(options, model), options, model, output);
}

/** Reads what `--data` names, split by prompt, as far as chat messages go for this model. */
export function readText(
  { data, columns, ...options }: DataOptions,
  { chat }: TextModel,
): Promise<TaskText> {
  const reading = { ...options, columns: columnMap(columns), chatTemplate: chat !== null };
  return preferenceTask(data, reading);
}

/** Token ids of the model; says what was read and what became of the rows. */
export function encodeText(
  text: TaskText,
  { promptTokens: maxPrompt, responseTokens: maxResponse }: Lengths,
  model: TextModel,
  { note }: Output,
): Task {
  const { base: { config: { beginToken, context } }, tokenizer, chat, endToken } = model;
  checkResponseTokens(maxResponse, model);
  if (text.description) note(text.description);
  const limits = { context, beginToken, endToken, maxPrompt, maxResponse };
  const task = encodeTask(text, { tokenizer, chat, limits });
  note(describeTask(task));
  return task;
}

/** What `--columns` says. */
export function columnMap(text: string | undefined): ColumnMap | undefined {
  return text === undefined ? undefined : asArgument(() => parseColumns(text));
}

/** What there is to train and to test on, and what is not, for it is too long. */
function describeTask(task: Task): string {
  const { name, references, pairs, resets, test, fit } = task;
  const ownResets = resets === references ? [] : [
    { what: "responses to reset into", kept: resets.length, long: task.resetsDropped },
  ];
  const parts = [
    { what: "references", kept: references.length, long: task.referencesDropped },
    { what: "pairs", kept: pairs.train.length, long: task.pairsDropped },
    ...ownResets,
  ];
  const kept = parts.map(({ what, kept }) => `${kept} ${what}`).join(", ");
  const long = parts.map(({ what, long }) => `${long} ${what}`).join(", ");
  return `${name}: to train on ${kept}; to test on ${test.length} prompts ` +
    `(too long: ${long}, ${task.heldOutPromptsDropped} held-out prompts; prompts cut: ${fit.promptsCut})`;
}

/** Counts of the data for results.json. */
export function dataCounts(task: Task) {
  return {
    ...task.fit,
    rows: task.rows,
    skippedBadRows: task.skippedBadRows,
    equalPairs: task.equalPairs,
    leakedRows: task.leakedRows,
    referencesDropped: task.referencesDropped,
    resetsDropped: task.resetsDropped,
    heldOutPromptsDropped: task.heldOutPromptsDropped,
  };
}

/** Throws where the data has no preference pairs to train or test on. */
export function needPairs({ pairs }: Task, { data }: DataOptions): void {
  const what = "preference pairs, ratings or rankings";
  need(pairs.train, `${what} to train on`, `--data ${data}`);
  need(pairs.test, `${what} to test on`, `--data ${data}`);
}

/** Throws where there are no responses to learn, or none to reset into. */
export function needResponses(
  { references, resets: sources }: Task,
  { data, references: file, resets }: DataOptions,
): void {
  need(references, "responses to learn", file ? `--references ${file}` : `--data ${data}`);
  if (resets) need(sources, "responses to reset into", `--resets ${resets}`);
}

/** Throws where there are no held-out prompts to answer. */
export function needPrompts(prompts: readonly unknown[], { data }: DataOptions): void {
  need(prompts, "held-out prompts with a response", `--data ${data}`);
}

function need(rows: readonly unknown[], what: string, flag: string): void {
  if (rows.length > 0) return;
  throw new Error(
    `${flag}: no ${what} are left, with responses of at most --response-tokens; raise it, or give more data`,
  );
}
