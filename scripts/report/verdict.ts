import { percent } from "../../data/percent.ts";
import type { Estimate } from "../../engine/rl/statistics.ts";
import { formatEstimate, formatNumber, mainScore } from "./measures.ts";
import { type MethodName, methodTitles, type Results } from "./types.ts";

/** What counts as a good run: better answers that were not bought with a broken policy. */
export const limits = {
  /** Nats per response. */
  kl: 8,
  /** As a share of SFT's distinct-2. */
  distinct2: 0.7,
  /** Share of responses that end properly. */
  ended: 0.7,
};

export interface Fact {
  status: "good" | "bad" | "neutral";
  text: string;
}

/** The result of a run in plain words, whichever way it came out. */
export interface Verdict {
  headline: string;
  facts: Fact[];
}

export function verdict(results: Results): Verdict {
  const trained = results.methods.drpo ? "drpo" : results.methods.ppo ? "ppo" : null;
  if (trained === null) {
    return { headline: "No policy was trained beyond SFT in this run.", facts: [] };
  }
  const facts = [
    ...rewardHacking(results, trained),
    ...againstPpo(results),
    ...soundness(results, trained),
    ...results.rewardModel ? [rewardModelFact(results.rewardModel)] : [],
  ];
  return { headline: headline(results, trained), facts };
}

function headline(results: Results, trained: MethodName) {
  const { key, name } = mainScore(results);
  const title = methodTitles[trained];
  const after = results.methods[trained]![key];
  const before = results.methods.sft?.[key];
  if (!after) return `${title} was trained, but its ${name} was not measured.`;
  if (!before) return `${title} reaches a ${name} of ${formatEstimate(after, 3)}.`;
  const [from, to] = [formatNumber(before.mean, 3), formatNumber(after.mean, 3)];
  switch (order(after, before)) {
    case "above":
      return `${title} raised the ${name} from ${from} to ${to}, and its interval lies above SFT's.`;
    case "below":
      return `${title} made the model worse: the ${name} fell from ${from} to ${to}, ` +
        "and its interval lies below SFT's.";
    case "overlapping":
      return pairedHeadline(results, trained) ??
        `${title} made no clear difference: the ${name} is ${to} against SFT's ${from}, ` +
          "and their intervals overlap.";
  }
}

/** Where the same prompts tell apart what the two intervals do not; else null. */
function pairedHeadline(results: Results, trained: MethodName): string | null {
  const { key, name } = mainScore(results);
  const paired = results.comparisons.find(({ of, against, measure }) =>
    of === trained && against === "sft" && measure === key
  );
  if (!paired || (paired.difference.low <= 0 && paired.difference.high >= 0)) return null;
  const moved = paired.difference.low > 0 ? "raised" : "lowered";
  return `${
    methodTitles[trained]
  } ${moved} the ${name}: on the same prompts the difference to SFT is ` +
    `${formatEstimate(paired.difference, 3)}.`;
}

function order(a: Estimate, b: Estimate) {
  return a.low > b.high ? "above" : a.high < b.low ? "below" : "overlapping";
}

/** A reward that rises alone says that the policy learned the reward model's mistakes. */
function rewardHacking({ methods }: Results, trained: MethodName): Fact[] {
  const [after, before] = [methods[trained], methods.sft];
  if (!after?.gold || !before?.gold) return [];
  const fooled = order(after.reward, before.reward) === "above" &&
    order(after.gold, before.gold) !== "above";
  const text = "The reward model's score rose while the gold score did not: " +
    `${methodTitles[trained]} learned to please the reward model.`;
  return fooled ? [{ status: "bad", text }] : [];
}

function againstPpo(results: Results): Fact[] {
  const { key, name } = mainScore(results);
  return results.comparisons
    .filter(({ of, against, measure }) => of === "drpo" && against === "ppo" && measure === key)
    .map(({ at, difference }) => {
      const spent = at === "episodes" ? "equal episodes" : "equal generated tokens";
      const size = `${formatEstimate(difference, 3)} in ${name} at ${spent}`;
      if (difference.low > 0) return { status: "good", text: `DR-PO beats PPO: ${size}.` };
      if (difference.high < 0) return { status: "bad", text: `DR-PO falls behind PPO: ${size}.` };
      return { status: "neutral", text: `DR-PO and PPO tie: ${size}; the interval holds 0.` };
    });
}

function soundness({ methods }: Results, trained: MethodName): Fact[] {
  const { kl, ended, distinct2 } = methods[trained]!;
  const title = methodTitles[trained];
  const facts = [
    fact(
      kl.mean <= limits.kl,
      `KL to SFT is ${formatNumber(kl.mean, 1)} nats per response; at most ${limits.kl} is asked.`,
    ),
    fact(
      ended.mean >= limits.ended,
      `${percent(ended.mean, 0)} of ${title}'s responses end properly; ` +
        `at least ${percent(limits.ended, 0)} is asked.`,
    ),
  ];
  if (methods.sft && methods.sft.distinct2.mean > 0) {
    const ratio = distinct2.mean / methods.sft.distinct2.mean;
    facts.push(fact(
      ratio >= limits.distinct2,
      `Variety (distinct-2) is ${formatNumber(ratio, 2)} of SFT's; ` +
        `at least ${limits.distinct2} is asked.`,
    ));
  }
  return facts;
}

function rewardModelFact(
  { accuracy, longerWins }: NonNullable<Results["rewardModel"]>,
): Fact {
  const right = `The reward model is right in ${percent(accuracy.mean, 0)} of held-out pairs`;
  const baseline = `${percent(longerWins.mean, 0)} for always taking the longer response`;
  // Labels may say the shorter one is better: then length predicts by its inverse.
  const trivial = Math.max(longerWins.mean, 1 - longerWins.mean);
  if (accuracy.low > trivial) return { status: "good", text: `${right}, against ${baseline}.` };
  return { status: "bad", text: `${right}, not clearly more than length tells: ${baseline}.` };
}

const fact = (good: boolean, text: string): Fact => ({ status: good ? "good" : "bad", text });
