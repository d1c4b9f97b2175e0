import type { Estimate } from "../../engine/rl/statistics.ts";
import type { TextHealth } from "./damage.ts";
import type { DataAudit } from "./data-audit.ts";
import { aboveShare, type Finding, type Fitness, tooFew, tooMany } from "./finding.ts";
import type { Leakage } from "./leakage.ts";
import { isMeasured, type Unmeasured } from "./measured.ts";
import type { ModelAudit } from "./model-audit.ts";
import { modelFindings } from "./model-findings.ts";
import { thresholds } from "./thresholds.ts";

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
    ...isMeasured(leakage) ? leakageFindings(leakage) : [noSplit(leakage)],
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
    ...aboveShare(thresholds.nonLatin, nonLatin(texts), "of the letters are not Latin"),
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
      "of the prompts would be cut by the run's limit or the model's context",
    ),
    ...tooFew(
      thresholds.statesPerReference,
      states.references === 0 ? 0 : states.states / states.references,
      `reset states for each reference, counted in ${states.unit}`,
    ),
  ];
}

function nonLatin({ scripts }: TextHealth): number {
  return scripts.filter(({ script }) => script !== "Latin")
    .reduce((sum, { share }) => sum + share, 0);
}

function leakageFindings({ test, prompts, responses }: Leakage): Finding[] {
  return [
    ...tooMany(
      thresholds.leakedPrompts,
      prompts,
      test,
      "of the test rows share their prompt's opening with training rows",
    ),
    ...tooMany(
      thresholds.leakedResponses,
      responses,
      test,
      "of the test rows have a response that training rows hold too",
    ),
  ];
}

const noSplit = ({ unmeasured }: Unmeasured): Finding => ({
  fitness: "not fit",
  text: unmeasured,
  why: "A run holds out prompts for its curves and its tests, and ends here where it gets none.",
});

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
