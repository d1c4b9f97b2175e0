import { z } from "zod";
import {
  describeIssues,
  readJsonLines,
  type ReadOptions,
  type Rows,
  type Verdict,
} from "./rows.ts";

/** A prompt with two responses, of which a person (or a model of one) chose the first. */
export interface PreferenceRow {
  prompt: string;
  chosen: string;
  rejected: string;
  /** `file:line` */
  id: string;
  /** The row's other fields, such as gold scores. */
  extra: Record<string, unknown>;
}

/**
 * Reads preference pairs as JSON lines (also `.gz`): `prompt`, `chosen` and `rejected`, or without
 * `prompt` Anthropic HH's form, where both responses start with the dialogue so far. A bad row is an
 * error with file, line and reason unless `skipBadRows`. Pairs of equal responses carry no
 * preference; they are always skipped and listed.
 */
export function readPreferences(
  path: string,
  options: ReadOptions = {},
): Promise<Rows<PreferenceRow>> {
  return readJsonLines(path, judgePreference, options);
}

const text = z.string().min(1, "is empty");
const preferenceSchema = z.looseObject({ prompt: text.optional(), chosen: text, rejected: text });

function judgePreference(value: unknown, id: string): Verdict<PreferenceRow> {
  const result = preferenceSchema.safeParse(value);
  if (!result.success) return { bad: describeIssues(result.error) };
  const { prompt, chosen, rejected, ...extra } = result.data;
  if (chosen === rejected) return { useless: "chosen equals rejected, so there is no preference" };
  if (prompt !== undefined) return { row: { prompt, chosen, rejected, id, extra } };
  return splitDialogue(chosen, rejected, id, extra);
}

const ANSWER = "\n\nAssistant:";

/** The prompt is what both dialogues share, up to and with the last turn that opens an answer. */
function splitDialogue(
  chosen: string,
  rejected: string,
  id: string,
  extra: Record<string, unknown>,
): Verdict<PreferenceRow> {
  const turn = commonPrefix(chosen, rejected).lastIndexOf(ANSWER);
  if (turn < 0) {
    return {
      bad:
        'there is no "prompt", and chosen and rejected share no dialogue up to "\\n\\nAssistant:"',
    };
  }
  const end = turn + ANSWER.length;
  const row = {
    prompt: chosen.slice(0, end),
    chosen: chosen.slice(end),
    rejected: rejected.slice(end),
  };
  for (const side of ["chosen", "rejected"] as const) {
    if (row[side] === "") return { bad: `"${side}": has no answer after the shared dialogue` };
  }
  return { row: { ...row, id, extra } };
}

function commonPrefix(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return a.slice(0, length);
}
