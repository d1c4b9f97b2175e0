import { z } from "zod";
import type { ByteSource } from "../engine/nn/bytes.ts";
import { type ChatFormat, plainChat } from "./chat.ts";
import { type Collected, collectRows, type OriginItem } from "./collect.ts";
import { BadRow, type Columns, type Form } from "./forms/form.ts";
import { type ColumnMap, mapColumns, recogniseForm } from "./forms/recognise.ts";
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
  /** How chat messages became text; null where there were none. */
  chat: string | null;
  /** Records in the files. */
  records: number;
  /** Malformed rows, left out. */
  bad: SkippedRow[];
}

export interface DatasetOptions extends ReadOptions {
  columns?: ColumnMap;
  /** The model's chat template; plain turns where absent. */
  chat?: ChatFormat;
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
  const chat = noticeUse(options.chat ?? plainChat);
  let form: Form | null = null;
  const judge = (value: unknown, id: string, split: SplitName | null) => {
    if (value === null || typeof value !== "object" || Array.isArray(value)) {
      return { bad: `expected object with columns, got ${JSON.stringify(value).slice(0, 60)}` };
    }
    const columns = mapColumns(value as Columns, options.columns ?? {});
    form ??= recogniseForm(columns, id);
    return readItem(form, columns, id, split, chat.format);
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
    bad.push(...skipped);
  }
  const records = items.length + bad.length;
  const head = { name, form: form!, chat: chat.used() ? chat.format.name : null, records, bad };
  return { ...head, ...collectRows(items, form!, options.pairing ?? PAIRING) };
}

function readItem(
  form: Form,
  columns: Columns,
  id: string,
  split: SplitName | null,
  chat: ChatFormat,
): Verdict<OriginItem> {
  const extra = Object.fromEntries(
    Object.entries(columns).filter(([name]) => !form.columns.includes(name)),
  );
  const own = typeof extra["split"] === "string" ? splitOf(extra["split"]) : null;
  try {
    const item = form.read(columns, chat);
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

function noticeUse(format: ChatFormat) {
  let used = false;
  const render: ChatFormat["render"] = (...values) => {
    used = true;
    return format.render(...values);
  };
  return { format: { name: format.name, render }, used: () => used };
}
