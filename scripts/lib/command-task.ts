import { ArgumentError } from "../host/arguments.ts";
import type { Output } from "../host/output.ts";
import { naming, type TextModel } from "./load-model.ts";
import { encodeTask, preferenceTask, type Task } from "./task.ts";

export interface TaskOptions {
  data: string;
  references?: string;
  skipBadRows: boolean;
  promptTokens: number;
  responseTokens: number;
}

/** Reads what `--data` names, split by prompt, as token ids of the model; says what became of the rows. */
export async function readTask(
  options: TaskOptions,
  { base, tokenizer, endToken }: TextModel,
  { note }: Output,
): Promise<Task> {
  const { data, promptTokens: maxPrompt, responseTokens: maxResponse } = options;
  const { beginToken, context } = base.config;
  if (maxResponse + 2 > context) {
    throw new ArgumentError(
      `--response-tokens ${maxResponse} leaves no room for a prompt: the model's context is ${context} tokens.`,
    );
  }
  const text = await naming("--data", preferenceTask(data, options));
  const limits = { context, beginToken, endToken, maxPrompt, maxResponse };
  const task = encodeTask(text, tokenizer, limits);
  note(describeTask(task));
  return task;
}

/** What there is to train and to test on. */
export function describeTask({ name, references, pairs, test, fit }: Task): string {
  return `${name}: ${references.length} references and ${pairs.train.length} pairs to train on, ` +
    `${test.length} prompts to test on (${fit.dropped} rows too long, ${fit.promptsCut} prompts cut)`;
}

/** Counts of the data for results.json. */
export function dataCounts(task: Task) {
  const { fit, rows, skippedBadRows, referencesDropped, heldOutPromptsDropped } = task;
  return { ...fit, rows, skippedBadRows, referencesDropped, heldOutPromptsDropped };
}

/** Throws where the data has no preference pairs to train or test on. */
export function needPairs(task: Task, path: string): void {
  for (const part of ["train", "test"] as const) {
    if (task.pairs[part].length > 0) continue;
    throw new Error(
      `--data ${path}: no preference pairs to ${part} on are left; pairs, ratings or rankings are needed, ` +
        "with responses of at most --response-tokens",
    );
  }
}
