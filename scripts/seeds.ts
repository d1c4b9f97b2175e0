// Sums up runs that differ in their seed alone:
//
//   for seed in 1 2 3 4 5; do npm start -- --seed $seed --run runs/seed-$seed; done
//   npx bun scripts/seeds.ts runs/seed-*
//
// Each seed's mean is one observation; intervals are Student's t over seeds, 95 %.
import "./host/failure.ts";
import process from "node:process";
import { average, type Estimate, studentInterval } from "../engine/rl/statistics.ts";
import { readArguments } from "./host/arguments.ts";
import { readRun } from "./host/read-run.ts";
import { renderTable } from "./report/table.ts";
import type { Comparison, MethodResult, Results } from "./report/types.ts";

const { positionals } = readArguments({
  usage: "npx bun scripts/seeds.ts",
  summary: "Sums up runs of one task that differ in their seed alone.",
  flags: {},
  positionals: ["run…"],
});
const runs = positionals.map((path) => readRun(path).results);
if (runs.length < 2) {
  console.error(`Intervals over seeds need at least 2 runs, got ${runs.length}.`);
  process.exit(2);
}
console.log(`${runs.length} seeds: ${runs.map(({ seed }) => seed).join(", ")}\n`);
console.log(renderTable(overSeeds(runs)));

/** Results whose estimates are means over the runs. */
function overSeeds(runs: readonly Results[]): Results {
  const [first] = runs;
  const methods = Object.entries(first.methods).map(([name, method]) => {
    const all = runs.map((run) => run.methods[name as keyof Results["methods"]]!);
    const entries = Object.keys(method).map((
      key,
    ) => [key, combine(all.map((result) => result[key as keyof MethodResult]))]);
    return [name, Object.fromEntries(entries)];
  });
  const same = (a: Comparison) => (b: Comparison) =>
    a.of === b.of && a.against === b.against && a.at === b.at;
  const comparisons = first.comparisons.flatMap((comparison) => {
    const found = runs.flatMap((run) => run.comparisons.find(same(comparison)) ?? []);
    if (found.length < runs.length) return [];
    return [{
      ...comparison,
      difference: combine(found.map(({ difference }) => difference)) as Estimate,
    }];
  });
  const judges = runs.flatMap((run) => run.rewardModel ?? []);
  const rewardModel = judges.length < runs.length ? null : {
    ...judges[0],
    accuracy: combine(judges.map(({ accuracy }) => accuracy)) as Estimate,
    longerWins: combine(judges.map(({ longerWins }) => longerWins)) as Estimate,
  };
  return { ...first, methods: Object.fromEntries(methods), comparisons, rewardModel };
}

/** Estimates become the interval of their means over runs, numbers their average. */
function combine(values: readonly (Estimate | number | null)[]): Estimate | number | null {
  if (values.some((value) => value === null)) return null;
  if (typeof values[0] === "number") return Math.round(average(values as number[]));
  return studentInterval((values as Estimate[]).map(({ mean }) => mean));
}
