import type { PreferenceRow } from "../../data/rows.ts";
import { splitByPrompt } from "../../data/split.ts";
import { loadDataset } from "./data.ts";

export interface HelpfulSplit {
  train: PreferenceRow[];
  test: PreferenceRow[];
}

/** Three splits by dialogue whose test parts, a fifth of the rows each, share no row. */
export interface HelpfulData {
  splits: HelpfulSplit[];
  /** Rows that no split tests on: the only ones whose text a model for all splits may be pretrained on. */
  untested: PreferenceRow[];
  /** Rows of equal responses, which carry no preference. */
  skipped: number;
}

const SPLITS = 3;
const TEST_SHARE = 0.2;
const SEED = 1; // the same for all scripts, so that no test row is in the pretraining text

export async function readHelpful(path: string): Promise<HelpfulData> {
  const { pairs: rows, equal } = await loadDataset(path);
  let untested = rows;
  const splits = Array.from({ length: SPLITS }, (_, i) => {
    const test = TEST_SHARE / (1 - i * TEST_SHARE); // of the rows that are left
    const part = splitByPrompt(untested, { train: 1 - test, validation: 0, test }, SEED + i);
    untested = part.train;
    const tested = new Set(part.test);
    return { train: rows.filter((row) => !tested.has(row)), test: part.test };
  });
  return { splits, untested, skipped: equal.length };
}
