import { z } from "zod";
import type { ByteSource } from "../engine/nn/bytes.ts";
import type { Message } from "../engine/nn/chat.ts";
import { type FileRecord, readRecords } from "./records.ts";

export type SplitName = "train" | "validation" | "test";

/** Where a row comes from. */
export interface RowOrigin {
  /** `file:line`, or `file, row n` */
  id: string;
  /** The split that the data's makers put it into: by the file's name or a column `split`. */
  split: SplitName | null;
  /** The row's other fields, such as gold scores. */
  extra: Record<string, unknown>;
}

/** What a row asks. */
interface Asked {
  prompt: string;
  /** The prompt as chat messages where the row came so; each response is then one answer, or several turns. */
  messages: readonly Message[] | null;
}

/** A prompt with two responses, of which a person (or a model of one) chose the first. */
export interface PreferenceRow extends RowOrigin, Asked {
  chosen: string;
  rejected: string;
}

/** A prompt with a good response. */
export interface ReferenceRow extends RowOrigin, Asked {
  response: string;
}

/** A row that was left out, and why. */
export interface SkippedRow {
  /** `file:line`, or `file, row n` */
  id: string;
  reason: string;
}

export interface Rows<T> {
  rows: T[];
  skipped: SkippedRow[];
}

export interface ReadOptions {
  /** Leave bad rows out and list them, where otherwise the first one is an error. */
  skipBadRows?: boolean;
}

/** What a row turns out to be, or why it is bad. */
export type Verdict<T> = { row: T } | { bad: string };

/**
 * Reads every record of a data file. `judge` gets each value and its id. Throws on a bad row, with file, line
 * and reason, unless bad rows are skipped, and where no row is left.
 */
export async function judgeRecords<T>(
  source: ByteSource,
  judge: (value: unknown, id: string) => Verdict<T>,
  { skipBadRows = false }: ReadOptions = {},
): Promise<Rows<T>> {
  const rows: T[] = [];
  const skipped: SkippedRow[] = [];
  for await (const record of readRecords(source)) {
    const verdict = verdictOf(record, judge);
    if ("row" in verdict) rows.push(verdict.row);
    else if (skipBadRows) skipped.push({ id: record.id, reason: verdict.bad });
    else {
      throw new Error(
        `${record.id}: bad row: ${verdict.bad}. Correct it, or skip such rows (--skip-bad-rows)`,
      );
    }
  }
  if (rows.length === 0) throw new Error(`${source.name} holds no usable row${first(skipped)}`);
  return { rows, skipped };
}

/** Reads rows of the form that `schema` describes. */
export function readRows<T>(
  source: ByteSource,
  schema: z.ZodType<T>,
  options: ReadOptions = {},
): Promise<Rows<T>> {
  return judgeRecords<T>(source, (value) => {
    const result = schema.safeParse(value);
    return result.success ? { row: result.data } : { bad: describeIssues(result.error) };
  }, options);
}

/** A schema's complaints on one line. */
export function describeIssues(error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => (path.length > 0 ? `"${path.join(".")}": ${message}` : message))
    .join("; ");
}

function verdictOf<T>(
  record: FileRecord,
  judge: (value: unknown, id: string) => Verdict<T>,
): Verdict<T> {
  return "bad" in record ? record : judge(record.value, record.id);
}

function first(skipped: SkippedRow[]): string {
  if (skipped.length === 0) return "; it is empty";
  const [{ id, reason }] = skipped;
  return `; all ${skipped.length} were skipped, the first at ${id}: ${reason}`;
}
