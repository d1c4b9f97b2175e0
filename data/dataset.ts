import { z } from "zod";
import type { ByteSource } from "../engine/nn/bytes.ts";
import { type Collected, collectRows, type OriginItem } from "./collect.ts";
import { type AnswerRule, BadRow, type Columns, type Form, type Item } from "./forms/form.ts";
import { checkColumns, type ColumnMap, mapColumns, recogniseForm } from "./forms/recognise.ts";
import type { PairOptions } from "./rated-pairs.ts";
import {
  describeIssues,
  judgeRecords,
  type ReadOptions,
  type SkippedRow,
  type SplitName,
  type Verdict,
} from "./rows.ts";

/** What was read, whatever form it came in. */
export interface Dataset extends Collected {
  name: string;
  form: Form;
  /** Whether some rows are chat messages, and whether a model's chat template is to write them. */
  chat: "none" | "plain" | "template";
  /** Records in the files. */
  records: number;
  /** Malformed rows, left out. */
  bad: SkippedRow[];
}

export interface DatasetOptions extends ReadOptions {
  columns?: ColumnMap;
  /** Whether the model has a chat template to write chat messages; else they become plain turns. */
  chatTemplate?: boolean;
  /** How pairs are drawn from ratings and rankings. */
  pairing?: PairOptions;
}

const PAIRING: PairOptions = { perPrompt: 8, seed: 1 };

/**
 * Reads preference data of any known form from one or more files of the same form; the first record decides
 * which. A bad row is an error with file, line and reason unless `skipBadRows`.
 */
export async function readDataset(
  name: string,
  files: readonly ByteSource[],
  options: DatasetOptions = {},
): Promise<Dataset> {
  const rule = { oneMessage: options.chatTemplate ?? false };
  let form: Form | null = null;
  const judge = (value: unknown, id: string, split: SplitName | null) => {
    if (value === null || typeof value !== "object" || Array.isArray(value)) {
      return { bad: `expected object with columns, got ${JSON.stringify(value).slice(0, 60)}` };
    }
    const map = options.columns ?? {};
    if (form === null) checkColumns(value as Columns, map, id);
    const columns = mapColumns(value as Columns, map);
    form ??= recogniseForm(columns, id);
    return readItem(form, columns, id, split, rule);
  };
  const items: OriginItem[] = [], bad: SkippedRow[] = [];
  for (const file of files) {
    const split = splitOf(file.name.split("/").at(-1)!);
    const { rows, skipped } = await judgeRecords(
      file,
      (value, id) => judge(value, id, split),
      options,
    );
    for (const row of rows) items.push(row);
    for (const row of skipped) bad.push(row); // spread, very many would exceed the stack
  }
  const chat = items.every(({ item }) => messagesOf(item) === null)
    ? "none"
    : options.chatTemplate
    ? "template"
    : "plain";
  const records = items.length + bad.length;
  const collected = collectRows(items, form!, options.pairing ?? PAIRING);
  return { name, form: form!, chat, records, bad, ...collected };
}

function messagesOf(item: Item) {
  return item.kind === "rated" ? item.rated.messages : item.messages;
}

function readItem(
  form: Form,
  columns: Columns,
  id: string,
  split: SplitName | null,
  rule: AnswerRule,
): Verdict<OriginItem> {
  const extra = Object.fromEntries(
    Object.entries(columns).filter(([name]) => !form.columns.includes(name)),
  );
  const own = typeof extra["split"] === "string" ? splitOf(extra["split"]) : null;
  try {
    const item = form.read(columns, rule);
    return { row: { item, origin: { id, split: own ?? split, extra } } };
  } catch (error) {
    if (error instanceof z.ZodError) return { bad: describeIssues(error) };
    if (error instanceof BadRow) return { bad: error.message };
    throw error;
  }
}

/** `validation.jsonl`, `train-00000-of-00001.parquet`, `valid1`. */
function splitOf(name: string): SplitName | null {
  const [, word] = /(?:^|[^a-z])(train|valid|validation|val|dev|test)(?:$|[^a-z])/i.exec(name) ??
    [];
  if (word === undefined) return null;
  const split = word.toLowerCase();
  return split === "train" || split === "test" ? split : "validation";
}
