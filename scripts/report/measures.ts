import type { Estimate } from "../../engine/rl/statistics.ts";
import { duration } from "../host/progress.ts";
import { type MethodName, methodNames, type MethodResult, type Results } from "./types.ts";

/** One row of the report's tables: what is measured of a method and how it is read. */
export interface Measure {
  title: string;
  unit: string;
  better: "higher" | "lower" | null;
  /** In plain words, for readers who meet the measure here first. */
  meaning: string;
  /** The cell of a method; null where the method has no such value. */
  cell(result: MethodResult): string | null;
}

type EstimateKey = {
  [Key in keyof MethodResult]: MethodResult[Key] extends Estimate | null ? Key : never;
}[keyof MethodResult];

/** What the run is judged by: gold where the task has it, else the reward model's score. */
export function mainScore(results: Results): { key: "gold" | "reward"; name: string } {
  const hasGold = Object.values(results.methods).some((method) => method.gold !== null);
  return hasGold
    ? { key: "gold", name: "gold score" }
    : { key: "reward", name: "reward-model score" };
}

/** The methods that were run, in their fixed order. */
export function presentMethods(results: Results): { name: MethodName; result: MethodResult }[] {
  return methodNames.flatMap((name) => {
    const result = results.methods[name];
    return result ? [{ name, result }] : [];
  });
}

/** The rows that at least one method has a value for. */
export function measures(results: Results): Measure[] {
  const judge = results.winRateBy === "gold" ? "gold score" : "reward model";
  const rows: Measure[] = [
    estimate("gold", "Gold score", "", "higher", 3, goldMeaning(results.goldName)),
    estimate("reward", "Reward-model score", "", "higher", 3, rewardMeaning),
    estimate("kl", "KL to SFT", "nats per response", "lower", 2, klMeaning),
    estimate("klPerToken", "KL to SFT", "nats per token", "lower", 3, "The same per token."),
    estimate("length", "Length", "tokens", null, 1, "Generated tokens of a response."),
    estimate("ended", "Ends properly", "%", "higher", 1, "Responses that end by themselves."),
    estimate(
      "distinct2",
      "Distinct-2",
      "",
      "higher",
      3,
      "Variety: share of different token pairs.",
    ),
    estimate(
      "repetition",
      "Repetition",
      "",
      "lower",
      3,
      "Share of 4-token runs that a response says again.",
    ),
    estimate("winRate", "Wins against SFT", "%", "higher", 1, winMeaning(judge)),
    estimate("winRateReferences", "Wins against references", "%", "higher", 1, winMeaning(judge)),
    {
      title: "Tokens generated",
      unit: "in training",
      better: null,
      meaning: "What sampling cost; a reset into a logged answer saves its prefix.",
      cell: ({ generatedTokens }) => generatedTokens.toLocaleString("en"),
    },
    {
      title: "Time",
      unit: "in training",
      better: null,
      meaning: "Wall-clock time.",
      cell: ({ seconds }) => duration(seconds),
    },
  ];
  const present = presentMethods(results);
  return rows.filter((row) => present.some(({ result }) => row.cell(result) !== null));
}

const rewardMeaning = "What training maximises. It can rise without the answers getting better.";
const klMeaning = "How far the policy has moved away from the SFT model.";
const goldMeaning = (name: string | null) =>
  `${name ?? "The task's true score"}. Training never sees it.`;
const winMeaning = (judge: string) => `Same prompts, judged by the ${judge}; a tie counts half.`;

function estimate(
  key: EstimateKey,
  title: string,
  unit: string,
  better: Measure["better"],
  digits: number,
  meaning: string,
): Measure {
  const scale = unit === "%" ? 100 : 1;
  const cell = (result: MethodResult) => {
    const value = result[key];
    return value && formatEstimate(value, digits, scale);
  };
  return { title, unit, better, meaning, cell };
}

/** `mean [low, high]`, each times `scale`. */
export function formatEstimate({ mean, low, high }: Estimate, digits: number, scale = 1): string {
  const [m, l, h] = [mean, low, high].map((value) => formatNumber(value * scale, digits));
  return `${m} [${l}, ${h}]`;
}

/** With a fixed number of decimals; what rounds to zero has no sign. */
export function formatNumber(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text;
}
