import type { Estimate } from "../../engine/rl/statistics.ts";
import type { DataAudit } from "./data-audit.ts";
import type { ModelAudit } from "./model-audit.ts";
import { type Threshold, thresholds } from "./thresholds.ts";

export type Fitness = "fit" | "fit with care" | "not fit";

/** What was found, and why it matters. */
export interface Finding {
  fitness: Exclude<Fitness, "fit">;
  text: string;
  why: string;
}

export interface Verdict {
  fitness: Fitness;
  /** Reasons against, the graver ones first; empty where the data are fit. */
  findings: Finding[];
}

/** Whether data are fit for DR-PO: as fit as the gravest finding leaves them. */
export function judge(data: DataAudit, model: ModelAudit | null): Verdict {
  const found = [...dataFindings(data), ...model ? modelFindings(model) : []];
  const grave = found.filter(({ fitness }) => fitness === "not fit");
  const light = found.filter(({ fitness }) => fitness !== "not fit");
  const fitness = grave.length > 0 ? "not fit" : light.length > 0 ? "fit with care" : "fit";
  return { fitness, findings: [...grave, ...light] };
}

function dataFindings({ counts, leakage, lengths, labels, texts, states }: DataAudit): Finding[] {
  const { records, pairs, references, prompts } = counts;
  const rows = pairs || references;
  return [
    ...rows === 0
      ? [nothingLeft]
      : pairs === 0
      ? [noPairs]
      : tooFew(thresholds.pairs, pairs, "preference pairs"),
    ...tooFew(thresholds.prompts, prompts, "different prompts"),
    ...tooMany(thresholds.bad, counts.bad, records, "of the rows are malformed"),
    ...tooMany(thresholds.duplicates, counts.duplicates, rows, "of the rows repeat another"),
    ...tooMany(
      thresholds.equal,
      counts.equal + counts.nearlyEqual,
      pairs + counts.equal,
      "of the pairs have equal responses, but for case and white space",
    ),
    ...tooMany(thresholds.empty, counts.empty, rows, "of the rows have an empty response"),
    ...tooMany(
      thresholds.leakedPrompts,
      leakage?.prompts ?? 0,
      leakage?.test ?? 0,
      "of the test rows share their prompt's opening with training rows",
    ),
    ...tooMany(
      thresholds.leakedResponses,
      leakage?.responses ?? 0,
      leakage?.test ?? 0,
      "of the test rows have a response that training rows hold too",
    ),
    ...lengthFindings(lengths.longerWins),
    ...tooMany(
      thresholds.contradictory,
      labels.contradictory,
      labels.repeated,
      "of the pairs that were labelled again were labelled both ways",
    ),
    ...tooMany(
      thresholds.contradictory,
      labels.ratedDifferently,
      labels.ratedAgain,
      "of the answers that were rated again got another rating",
    ),
    ...tooMany(
      thresholds.circular,
      labels.circular,
      labels.triples,
      "of the triples of answers go round in a circle",
    ),
    ...texts.damage.flatMap(({ name, texts: damaged }) =>
      tooMany(thresholds.damaged, damaged, texts.texts, `of the texts hold ${name}`)
    ),
    ...aboveShare(thresholds.nonLatin, texts.nonLatin, "of the letters are not Latin"),
    ...tooMany(
      thresholds.glued,
      texts.glued,
      texts.rows,
      "of the rows have no white space between prompt and response",
    ),
    ...aboveShare(
      thresholds.overlong,
      lengths.overlongResponses ?? 0,
      "of the responses are longer than the run's limit",
    ),
    ...aboveShare(
      thresholds.cutPrompts,
      lengths.cutPrompts ?? 0,
      "of the prompts do not fit the model's context",
    ),
    ...tooFew(
      thresholds.statesPerReference,
      states.references === 0 ? 0 : states.states / states.references,
      `reset states for each reference, counted in ${states.unit}`,
    ),
  ];
}

function modelFindings({ coverage, reward }: ModelAudit): Finding[] {
  return [
    ...uncovered(coverage.covered.mean),
    ...reward ? rewardFindings(reward) : [],
  ];
}

function uncovered(share: number): Finding[] {
  const { care, unfit, why } = thresholds.covered;
  if (share >= care) return [];
  const fitness = share < unfit ? "not fit" : "fit with care";
  return [{ fitness, text: `The model covers only ${percent(share)} of the next tokens`, why }];
}

function rewardFindings(reward: NonNullable<ModelAudit["reward"]>): Finding[] {
  const { accuracy, bagOfWords, advantage } = reward;
  const findings: Finding[] = [];
  const best = Math.max(accuracy.mean, bagOfWords.mean);
  if (best < thresholds.rewardAccuracy.care) {
    findings.push({
      fitness: "fit with care",
      text: `Neither the quick reward model (${percent(accuracy.mean)}) nor a bag of words ` +
        `(${percent(bagOfWords.mean)}) tells held-out labels from a coin`,
      why: thresholds.rewardAccuracy.why,
    });
  }
  // A reward model that is not clearly better than a coin has no opinion worth a finding.
  if (advantage.low > 0 || accuracy.low <= 0.5) return findings;
  const worse = advantage.high < 0;
  const interval = [advantage.low, advantage.high].map((value) => value.toFixed(2)).join(" to ");
  findings.push({
    fitness: "fit with care",
    text:
      `The references are ${worse ? "worse" : "not clearly better"} than the model's own answers ` +
      `by the quick reward model (difference ${interval})`,
    why: "DR-PO gains from states that are better than the ones the policy reaches by itself; " +
      "a better reward model may see it otherwise.",
  });
  return findings;
}

const nothingLeft: Finding = {
  fitness: "not fit",
  text: "No row prefers one answer to another",
  why: "All pairs have equal responses, or no prompt has two answers with different ratings.",
};

const noPairs: Finding = {
  fitness: "fit with care",
  text: "These are demonstrations without preferences",
  why:
    "SFT and resets can use them (--references, --resets); a reward model needs pairs from elsewhere.",
};

/** The label follows length where the interval lies wholly on one side of the threshold, or of its mirror. */
function lengthFindings(longerWins: Estimate | null): Finding[] {
  if (!longerWins) return [];
  const { low, high } = longerWins;
  const longer = low > 1 - high;
  const least = longer ? low : 1 - high;
  return aboveShare(
    thresholds.longerWins,
    least,
    `of the pairs at least are won by the ${longer ? "longer" : "shorter"} response`,
  );
}

function tooFew(threshold: Threshold, value: number, what: string): Finding[] {
  if (value >= threshold.care) return [];
  const text = `${Number.isInteger(value) ? value : value.toFixed(2)} ${what}`;
  return [{
    fitness: threshold.unfit !== undefined && value < threshold.unfit ? "not fit" : "fit with care",
    text: `${text}; expected ${threshold.care} or more`,
    why: threshold.why,
  }];
}

function tooMany(threshold: Threshold, count: number, of: number, what: string): Finding[] {
  if (of === 0) return [];
  return aboveShare(threshold, count / of, `(${count} of ${of}) ${what}`);
}

function aboveShare(threshold: Threshold, share: number, what: string): Finding[] {
  if (share <= threshold.care) return [];
  const unfit = threshold.unfit !== undefined && share > threshold.unfit;
  return [{
    fitness: unfit ? "not fit" : "fit with care",
    text: `${percent(share)} ${what}`,
    why: threshold.why,
  }];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
