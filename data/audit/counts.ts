import type { Dataset } from "../dataset.ts";

/** How many rows there are, and how many say nothing new or nothing at all. */
export interface Counts {
  /** Records in the files. */
  records: number;
  bad: number;
  pairs: number;
  references: number;
  /** Different prompts of pairs and references. */
  prompts: number;
  /** Pairs (references where there are no pairs) that an earlier one repeats to the character. */
  duplicates: number;
  /** Pairs of equal responses; they were left out of `pairs`. */
  equal: number;
  /** Pairs whose responses differ in case and white space alone. */
  nearlyEqual: number;
  /** Rows with a response of nothing but white space. */
  empty: number;
}

export function countRows({ records, bad, pairs, references, equal }: Dataset): Counts {
  const texts = pairs.length > 0
    ? pairs.map(({ prompt, chosen, rejected }) => [prompt, chosen, rejected])
    : references.map(({ prompt, response }) => [prompt, response]);
  return {
    records,
    bad: bad.length,
    pairs: pairs.length,
    references: references.length,
    prompts: new Set([...pairs, ...references].map(({ prompt }) => prompt)).size,
    duplicates: texts.length - new Set(texts.map((row) => JSON.stringify(row))).size,
    equal: equal.length,
    nearlyEqual: pairs.filter((row) => normalize(row.chosen) === normalize(row.rejected)).length,
    empty: texts.filter(([, ...answers]) => answers.some((text) => text.trim() === "")).length,
  };
}

/** Without case and with single spaces. */
export function normalize(text: string): string {
  return text.toLowerCase().replace(/\s+/g, " ").trim();
}
