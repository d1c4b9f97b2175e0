import { demonstrations } from "./demonstrations.ts";
import type { Columns, Form } from "./form.ts";
import { implicitPrompt, preferencePairs } from "./pairs.ts";
import { rankedLists, scalarRatings } from "./ratings.ts";
import { comparisons, postSummaries } from "./summaries.ts";

/** All forms, in the order in which they are tried: one whose columns another has too stands before it. */
export const forms: readonly Form[] = [
  comparisons,
  preferencePairs,
  implicitPrompt,
  rankedLists,
  scalarRatings,
  postSummaries,
  demonstrations,
];

const MOST_LISTED = 20;

/** The form of a file by its first record; throws with what was found and what is known. */
export function recogniseForm(columns: Columns, name: string): Form {
  const form = forms.find((form) => form.recognises(columns));
  if (form) return form;
  const known = forms.map(({ name, reads }) => `  ${name}: ${reads}`);
  throw new Error(
    `${name}: the form of this data is not known. Columns found: ${listed(columns)}. ` +
      `Forms known:\n${known.join("\n")}\n` +
      `Say which column is which, such as --columns prompt=${
        Object.keys(columns)[0] ?? "question"
      },chosen=…,rejected=…`,
  );
}

function listed(columns: Columns): string {
  const found = Object.keys(columns);
  const more = found.length > MOST_LISTED ? ` and ${found.length - MOST_LISTED} more` : "";
  return found.slice(0, MOST_LISTED).join(", ") + more || "none";
}

/** Every name that `--columns` can give to a column. */
const roles = new Set(forms.flatMap(({ columns }) => columns));

/** Where the columns of the forms stand in a file whose own columns have other names. */
export type ColumnMap = Readonly<Record<string, string>>;

/** Reads `prompt=question,chosen=good`. Throws where it is not of that form or the first name is none that a form reads. */
export function parseColumns(text: string): ColumnMap {
  const entries = text.split(",").map((part) => {
    const [role, column, ...rest] = part.split("=").map((name) => name.trim());
    if (!role || !column || rest.length > 0) {
      throw new Error(`--columns: "${part}" is not of the form prompt=question`);
    }
    if (!roles.has(role)) {
      throw new Error(`--columns: "${role}" is none of ${[...roles].join(", ")}`);
    }
    return [role, column] as const;
  });
  return Object.fromEntries(entries);
}

/** Throws where the first record lacks a column that `map` names: without it the data would pass for another form. */
export function checkColumns(record: Columns, map: ColumnMap, name: string): void {
  for (const [role, path] of Object.entries(map)) {
    const values = [columnAt(record, path)].flat(Infinity);
    if (values.length === 0 || values.some((value) => value !== undefined)) continue;
    throw new Error(
      `${name}: there is no column "${path}", which --columns ${role}=${path} names. ` +
        `Columns found: ${listed(record)}`,
    );
  }
}

/** The record with its columns named as the forms know them; `a.b` is field b of column a, or of each of its items. */
export function mapColumns(record: Columns, map: ColumnMap): Columns {
  const mapped: Columns = { ...record };
  for (const path of Object.values(map)) delete mapped[path];
  for (const [role, path] of Object.entries(map)) mapped[role] = columnAt(record, path);
  return mapped;
}

function columnAt(record: Columns, path: string): unknown {
  if (path in record) return record[path];
  return path.split(".").reduce<unknown>(field, record);
}

function field(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return value.map((item) => field(item, name));
  return value !== null && typeof value === "object" ? (value as Columns)[name] : undefined;
}
