/** What reset candidates can be selected by. */
const CRITERIA = ["reward", "margin", "coverage", "novelty"] as const;
export type Criterion = typeof CRITERIA[number];

export interface Selection {
  by: Criterion;
  /** Of the candidates, above 0 and at most 1. */
  share: number;
}

/** Reads `reward:0.5`. Throws where it is not of that form. */
export function parseSelection(text: string): Selection {
  const [by, number, ...rest] = text.split(":");
  const share = Number(number);
  const known = CRITERIA.find((criterion) => criterion === by);
  if (!known || rest.length > 0 || !(share > 0 && share <= 1)) {
    throw new Error(
      `--select "${text}": expected one of ${
        CRITERIA.join(", ")
      } with a share above 0 and at most 1, ` +
        "such as reward:0.5",
    );
  }
  return { by: known, share };
}

/** The candidates with the highest scores, at least one, in the order of the file; earlier ones win ties. */
export function selectTop<T>(
  candidates: readonly T[],
  scores: readonly number[],
  share: number,
): (T & { score: number })[] {
  const count = Math.max(1, Math.round(share * candidates.length));
  const best = candidates.map((_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b);
  return best.slice(0, count).sort((a, b) => a - b)
    .map((i) => ({ ...candidates[i], score: scores[i] }));
}

/**
 * How little of a response the others say: the mean over its different word pairs of log(N/n) / log N, where n of
 * the N responses hold the pair. 1 where nothing is said elsewhere, 0 where all is said everywhere.
 */
export function novelty(responses: readonly string[]): number[] {
  const pairs = responses.map(wordPairs);
  const holders = new Map<string, number>();
  for (const pair of pairs.flatMap((set) => [...set])) {
    holders.set(pair, (holders.get(pair) ?? 0) + 1);
  }
  const total = Math.log(responses.length);
  return pairs.map((set) => {
    if (set.size === 0 || total === 0) return 0;
    const rarity = [...set].map((pair) => Math.log(responses.length / holders.get(pair)!) / total);
    return rarity.reduce((sum, value) => sum + value, 0) / set.size;
  });
}

/** Of a text with one word, that word. */
function wordPairs(text: string): Set<string> {
  const words = text.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? [];
  if (words.length === 1) return new Set(words);
  return new Set(words.slice(1).map((word, i) => `${words[i]} ${word}`));
}
