import { percent } from "../percent.ts";
import type { Finding } from "./finding.ts";
import { isMeasured, type Unmeasured } from "./measured.ts";
import type { ModelAudit, QuickReward } from "./model-audit.ts";
import { thresholds } from "./thresholds.ts";

/** What a model says against the data, and what it could not say. */
export function modelFindings({ coverage, reward }: ModelAudit): Finding[] {
  return [
    ...isMeasured(coverage)
      ? uncovered(coverage.covered.mean)
      : [unmeasured("How well the model covers the references", coverage)],
    ...reward === null
      ? []
      : isMeasured(reward)
      ? [...coinFindings(reward), ...advantageFindings(reward)]
      : [unmeasured("What a reward model learns from the labels", reward)],
  ];
}

const unmeasured = (what: string, { unmeasured }: Unmeasured): Finding => ({
  fitness: "fit with care",
  text: `${what} was not measured: ${unmeasured}`,
  why: "What was not measured may still be found wanting.",
});

function uncovered(share: number): Finding[] {
  const { care, unfit, why } = thresholds.covered;
  if (share >= care) return [];
  const fitness = share < unfit ? "not fit" : "fit with care";
  return [{ fitness, text: `The model covers only ${percent(share)} of the next tokens`, why }];
}

function coinFindings({ accuracy, bagOfWords }: QuickReward): Finding[] {
  const { care, why } = thresholds.rewardAccuracy;
  if (Math.max(accuracy.mean, bagOfWords.mean) >= care) return [];
  return [{
    fitness: "fit with care",
    text: `Neither the quick reward model (${percent(accuracy.mean)}) nor a bag of words ` +
      `(${percent(bagOfWords.mean)}) tells held-out labels from a coin`,
    why,
  }];
}

function advantageFindings({ accuracy, advantage }: QuickReward): Finding[] {
  if (!isMeasured(advantage)) {
    return [unmeasured("Whether the references are better than the model's answers", advantage)];
  }
  // A reward model that is not clearly better than a coin has no opinion worth a finding.
  if (advantage.low > 0 || accuracy.low <= 0.5) return [];
  const worse = advantage.high < 0;
  const interval = [advantage.low, advantage.high].map((value) => value.toFixed(2)).join(" to ");
  return [{
    fitness: "fit with care",
    text:
      `The references are ${worse ? "worse" : "not clearly better"} than the model's own answers ` +
      `by the quick reward model (difference ${interval})`,
    why: "DR-PO gains from states that are better than the ones the policy reaches by itself; " +
      "a better reward model may see it otherwise.",
  }];
}
