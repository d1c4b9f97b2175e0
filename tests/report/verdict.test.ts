import { expect, test } from "bun:test";
import type { MethodResult } from "../../scripts/report/types.ts";
import { verdict } from "../../scripts/report/verdict.ts";
import { about, exampleRun, methodResult } from "./run.ts";

/** The verdict on an example run whose DR-PO results are changed. */
function verdictWith(changes: Partial<MethodResult>) {
  const { results } = exampleRun();
  results.methods.drpo = { ...results.methods.drpo!, ...changes };
  return verdict(results);
}

const statusOf = (facts: { status: string; text: string }[], words: string) =>
  facts.find(({ text }) => text.includes(words))?.status;

test("a clear gain is called one", () => {
  expect(verdictWith({}).headline)
    .toBe("DR-PO raised the gold score from 0.185 to 0.511, and its interval lies above SFT's.");
});

test("a loss is called a loss", () => {
  expect(verdictWith({ gold: about(0.05, 0.03) }).headline).toContain("made the model worse");
});

test("overlapping intervals are no difference, however large the means", () => {
  expect(verdictWith({ gold: about(0.4, 0.2) }).headline).toContain("no clear difference");
});

test("what the same prompts tell apart is a difference, though the intervals overlap", () => {
  const { results } = exampleRun();
  results.methods.drpo!.gold = about(0.25, 0.1);
  const headline = (difference: number) => {
    const paired = { of: "drpo", against: "sft", measure: "gold", at: "episodes" } as const;
    results.comparisons = [{ ...paired, difference: about(difference, 0.05) }];
    return verdict(results).headline;
  };
  expect(headline(0.065)).toBe(
    "DR-PO raised the gold score: on the same prompts the difference to SFT is 0.065 [0.015, 0.115].",
  );
  expect(headline(-0.065)).toContain("DR-PO lowered the gold score");
  expect(headline(0.04)).toContain("no clear difference");
});

test("a reward that rises without gold is called out", () => {
  const { facts } = verdictWith({ gold: about(0.185, 0.03), reward: about(3, 0.1) });
  expect(statusOf(facts, "learned to please the reward model")).toBe("bad");
  expect(statusOf(verdictWith({}).facts, "learned to please")).toBeUndefined();
});

test("DR-PO against PPO is read from the paired difference", () => {
  const compare = (mean: number) => {
    const { results } = exampleRun();
    results.comparisons[0]!.difference = about(mean, 0.05);
    return verdict(results).facts;
  };
  expect(statusOf(compare(0.1), "beats PPO")).toBe("good");
  expect(statusOf(compare(0), "tie")).toBe("neutral");
  expect(statusOf(compare(-0.1), "falls behind PPO")).toBe("bad");
});

test("a broken policy fails the limits", () => {
  const { facts } = verdictWith({
    kl: about(9, 1),
    ended: about(0.5, 0.1),
    distinct2: about(0.3, 0.1),
  });
  expect(statusOf(facts, "KL to SFT")).toBe("bad");
  expect(statusOf(facts, "end properly")).toBe("bad");
  expect(statusOf(facts, "distinct-2")).toBe("bad");
});

test("a reward model no better than length is said to be so", () => {
  const { results } = exampleRun();
  results.rewardModel = { accuracy: about(0.6, 0.05), longerWins: about(0.58, 0.05), pairs: 90 };
  expect(statusOf(verdict(results).facts, "not clearly more than length")).toBe("bad");
});

test("without DR-PO the verdict is PPO's, and without both there is none", () => {
  const { results } = exampleRun();
  delete results.methods.drpo;
  expect(verdict(results).headline).toStartWith("PPO raised");
  results.methods = { sft: methodResult() };
  expect(verdict(results)).toEqual({
    headline: "No policy was trained beyond SFT in this run.",
    facts: [],
  });
});
