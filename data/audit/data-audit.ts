import type { Dataset } from "../dataset.ts";
import type { Fractions } from "../split.ts";
import { countRows, type Counts } from "./counts.ts";
import { inspectTexts, type TextHealth } from "./damage.ts";
import { checkLabels, type Consistency } from "./labels.ts";
import { findLeakage, type Leakage } from "./leakage.ts";
import { type LengthLimits, type Lengths, measureLengths } from "./lengths.ts";
import type { Measured } from "./measured.ts";
import { countStates, type ResetStates } from "./states.ts";

/** What the data say of themselves, without a model's opinion. */
export interface DataAudit {
  counts: Counts;
  /** Not measured where a run could not split the data. */
  leakage: Measured<Leakage>;
  lengths: Lengths;
  labels: Consistency;
  texts: TextHealth;
  states: ResetStates;
}

export interface AuditOptions {
  fractions: Fractions;
  splitSeed: number;
  /** Of intervals. */
  seed: number;
  /** Cuts texts into token ids, to hold lengths against a model's limits; words are counted where absent. */
  tokens?: {
    prompt(text: string): number[];
    response(text: string): number[];
    limits: LengthLimits;
  };
}

export function auditData(dataset: Dataset, options: AuditOptions): DataAudit {
  const { pairs, references, rated } = dataset;
  const { fractions, splitSeed, seed, tokens } = options;
  const prompt = tokens?.prompt ?? words, response = tokens?.response ?? words;
  const rows = pairs.length > 0
    ? pairs.map((row) => ({ ...row, responses: [row.chosen, row.rejected] }))
    : references.map((row) => ({ ...row, responses: [row.response] }));
  const lengths = rows.map(({ prompt: text, responses: [chosen, rejected] }) => ({
    prompt: text,
    promptLength: prompt(text).length,
    chosenLength: response(chosen).length,
    rejectedLength: rejected === undefined ? null : response(rejected).length,
  }));
  return {
    counts: countRows(dataset),
    leakage: findLeakage(rows, fractions, splitSeed),
    lengths: measureLengths(lengths, tokens?.limits ?? null, seed),
    labels: checkLabels(pairs, rated),
    texts: inspectTexts(rows),
    states: countStates(
      references.map((row) => ({ prompt: row.prompt, units: response(row.response) })),
      tokens ? "tokens" : "words",
    ),
  };
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
