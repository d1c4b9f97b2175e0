import { formatEstimate, type Measure, measures, presentMethods } from "./measures.ts";
import { type Comparison, methodTitles, type Results } from "./types.ts";

/** The results as aligned plain text: a row per measure, a column per method. */
export function renderTable(results: Results): string {
  const methods = presentMethods(results);
  const header = ["", ...methods.map(({ name }) => methodTitles[name])];
  const rows = measures(results).map((measure) => [
    rowTitle(measure),
    ...methods.map(({ result }) => measure.cell(result) ?? "-"),
  ]);
  const comparisons = results.comparisons.map((comparison) => [
    comparisonTitle(comparison),
    formatEstimate(comparison.difference, 3),
  ]);
  const { rewardModel: judge } = results;
  const rewardModel = judge
    ? [
      [
        `Reward model right, % of ${judge.pairs} held-out pairs`,
        formatEstimate(judge.accuracy, 1, 100),
      ],
      ["Longer response wins, % of the same", formatEstimate(judge.longerWins, 1, 100)],
    ]
    : [];
  const title = `${results.task}: ${results.prompts} held-out prompts, mean [interval]; ` +
    "^ higher is better, v lower is better";
  return [title, align([header, ...rows]), align(comparisons), align(rewardModel)]
    .filter((part) => part !== "").join("\n\n");
}

/** What is subtracted from what, of which score, after spending the same amount of what. */
export function comparisonTitle({ of, against, measure, at }: Comparison): string {
  const score = measure === "gold" ? "gold score" : "reward-model score";
  const spent = at === "episodes" ? "episodes" : "generated tokens";
  return `${methodTitles[of]} - ${methodTitles[against]}, ${score}, equal ${spent}`;
}

function rowTitle({ title, unit, better }: Measure) {
  const direction = better === null ? "" : better === "higher" ? " ^" : " v";
  return title + (unit && `, ${unit}`) + direction;
}

export function align(rows: string[][]) {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => [...row[column]!].length))
  );
  const pad = (cell: string, column: number) =>
    cell + " ".repeat(widths[column]! - [...cell].length);
  return rows.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}
