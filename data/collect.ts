import type { Form, Item, RatedAnswers } from "./forms/form.ts";
import { type PairOptions, pairsOf } from "./rated-pairs.ts";
import type { PreferenceRow, ReferenceRow, RowOrigin, SkippedRow } from "./rows.ts";

/** What one record says, and where it stands. */
export interface OriginItem {
  item: Item;
  origin: RowOrigin;
}

export type RatedRow = RatedAnswers & RowOrigin;

export interface Collected {
  /** Empty where the data are demonstrations. */
  pairs: PreferenceRow[];
  /** Demonstrations; the chosen response of every pair; the best answer of every rated prompt that gave a pair. */
  references: ReferenceRow[];
  /** Ranked or rated answers before pairs were drawn from them. */
  rated: RatedRow[];
  /** Pairs of equal responses, which carry no preference: left out. */
  equal: SkippedRow[];
}

/** Pairs and references of all items, in their order. */
export function collectRows(
  items: readonly OriginItem[],
  form: Form,
  pairing: PairOptions,
): Collected {
  const rated = ratedRows(items, form);
  const rows: Collected = { pairs: [], references: [], rated, equal: [] };
  for (const { item, origin } of items) {
    if (item.kind === "pair") {
      const { prompt, messages, chosen, rejected } = item;
      const kept = addPair(rows, { prompt, messages, chosen, rejected, ...origin });
      if (kept) rows.references.push({ prompt, messages, response: chosen, ...origin });
    } else if (item.kind === "demonstration") {
      const { prompt, messages, response } = item;
      rows.references.push({ prompt, messages, response, ...origin });
    }
  }
  for (const row of rated) addRated(rows, row, pairing);
  return rows;
}

function addPair(rows: Collected, row: PreferenceRow): boolean {
  const kept = row.chosen !== row.rejected;
  const reason = "chosen equals rejected, so there is no preference";
  if (kept) rows.pairs.push(row);
  else rows.equal.push({ id: row.id, reason });
  return kept;
}

function addRated(rows: Collected, row: RatedRow, pairing: PairOptions): void {
  const { answers, ...asked } = row;
  const kept = pairsOf(row, pairing).filter(({ chosen, rejected, margin }) =>
    addPair(rows, { ...asked, chosen, rejected, extra: { ...asked.extra, margin } })
  );
  if (kept.length === 0) return;
  const best = answers.reduce((a, b) => b.rating > a.rating ? b : a);
  rows.references.push({ ...asked, response: best.text });
}

/** A row per ranking; ratings of the same prompt together, in the place of the first. */
function ratedRows(items: readonly OriginItem[], { oneScale = false }: Form): RatedRow[] {
  const rows: RatedRow[] = [];
  const known = new Map<string, RatedRow>();
  for (const { item, origin } of items) {
    if (item.kind !== "rated") continue;
    const { prompt, messages, answers } = item.rated;
    const earlier = oneScale ? known.get(prompt) : undefined;
    if (earlier) {
      earlier.answers.push(...answers);
      continue;
    }
    const row = { prompt, messages, answers: [...answers], ...origin };
    known.set(prompt, row);
    rows.push(row);
  }
  return rows;
}
