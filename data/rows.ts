import { z } from "zod";
import { readLines } from "../scripts/host/files.ts";

/** A row that was left out, and why. */
export interface SkippedRow {
  file: string;
  /** Counted from 1. */
  line: number;
  reason: string;
}

export interface Rows<T> {
  rows: T[];
  skipped: SkippedRow[];
}

export interface ReadOptions {
  /** Leave bad rows out and list them in `skipped`, where otherwise the first one is an error. */
  skipBadRows?: boolean;
}

/**
 * What a row turns out to be. A `bad` row is malformed and stops the reading unless bad rows are
 * skipped; a `useless` one is well-formed but says nothing, and is always skipped.
 */
export type Verdict<T> = { row: T } | { bad: string } | { useless: string };

/**
 * Reads JSON lines (`.jsonl`, `.json`, either also `.gz`): one value per line, empty lines ignored.
 * `judge` gets each value and its id, `file:line`. Throws on a bad row, with file, line and reason,
 * unless bad rows are skipped, and where no row is left.
 */
export async function readJsonLines<T>(
  path: string,
  judge: (value: unknown, id: string) => Verdict<T>,
  options: ReadOptions = {},
): Promise<Rows<T>> {
  const rows: T[] = [];
  const skipped: SkippedRow[] = [];
  let line = 0;
  for await (const text of readLines(path)) {
    line++;
    if (text.trim() === "") continue;
    const verdict = judgeLine(text, `${path}:${line}`, judge);
    if ("row" in verdict) {
      rows.push(verdict.row);
    } else if ("bad" in verdict && !options.skipBadRows) {
      throw new Error(
        `${path}:${line}: bad row: ${verdict.bad}. Correct it, or skip such rows (--skip-bad-rows)`,
      );
    } else {
      skipped.push({ file: path, line, reason: "bad" in verdict ? verdict.bad : verdict.useless });
    }
  }
  if (rows.length === 0) throw new Error(`${path} holds no usable row${firstReason(skipped)}`);
  return { rows, skipped };
}

/** Reads JSON lines of the form that `schema` describes, such as references or samples. */
export function readRows<T>(
  path: string,
  schema: z.ZodType<T>,
  options: ReadOptions = {},
): Promise<Rows<T>> {
  return readJsonLines<T>(path, (value) => {
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

function judgeLine<T>(
  text: string,
  id: string,
  judge: (value: unknown, id: string) => Verdict<T>,
): Verdict<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { bad: `not JSON (${(error as Error).message}); one JSON object per line is expected` };
  }
  return judge(value, id);
}

function firstReason(skipped: SkippedRow[]): string {
  if (skipped.length === 0) return "; it is empty";
  const { line, reason } = skipped[0];
  return `; all ${skipped.length} were skipped, the first at line ${line}: ${reason}`;
}
