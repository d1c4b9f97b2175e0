import type { TextHealth } from "../../data/audit/damage.ts";
import type { DataAudit } from "../../data/audit/data-audit.ts";
import type { Consistency } from "../../data/audit/labels.ts";
import type { Leakage } from "../../data/audit/leakage.ts";
import type { Lengths, Quantiles } from "../../data/audit/lengths.ts";
import { isMeasured, type Measured, type Unmeasured } from "../../data/audit/measured.ts";
import type { ModelAudit, QuickReward } from "../../data/audit/model-audit.ts";
import { percent } from "../../data/percent.ts";
import type { Estimate } from "../../engine/rl/statistics.ts";
import { formatEstimate } from "./measures.ts";

/** One table of the audit: names and values. */
export interface AuditSection {
  title: string;
  caption: string;
  rows: [name: string, value: string][];
}

/** The numbers of an audit, in the order in which a reader asks for them. */
export function auditSections(
  { data, model }: { data: DataAudit; model: ModelAudit | null },
): AuditSection[] {
  return [
    rows(data),
    leakage(data.leakage),
    lengths(data.lengths),
    labels(data.labels),
    texts(data.texts),
    ...model ? [coverage(model)] : [],
    ...model?.reward ? [reward(model.reward)] : [],
  ];
}

function rows({ counts, states }: DataAudit): AuditSection {
  const caption =
    "What there is to learn from. A reset state is a prompt with a proper beginning " +
    "of one of its references, the empty one included.";
  return {
    title: "Rows",
    caption,
    rows: [
      ["records", count(counts.records)],
      ["malformed rows, left out", count(counts.bad)],
      ["preference pairs", count(counts.pairs)],
      ["pairs of equal responses, left out", count(counts.equal)],
      ["pairs equal but for case and white space", count(counts.nearlyEqual)],
      ["repeated rows", count(counts.duplicates)],
      ["empty responses", count(counts.empty)],
      ["different prompts", count(counts.prompts)],
      ["different references", count(states.references)],
      [`different reset states, in ${states.unit}`, count(states.states)],
    ],
  };
}

function leakage(found: Measured<Leakage>): AuditSection {
  const title = "Training and test";
  if (!isMeasured(found)) return notMeasured(title, found);
  const own = "the one a run makes, by the prompt's opening";
  return {
    title,
    caption:
      "Whether test rows stand among the training rows. Case and white space do not count; " +
      "responses count from 40 characters on.",
    rows: [
      ["split", found.given ? "given with the data" : own],
      ["rows to train and to test on", `${count(found.train)} and ${count(found.test)}`],
      ["test rows whose prompt leaks", outOf(found.prompts, found.test)],
      ["test rows with a response that leaks", outOf(found.responses, found.test)],
    ],
  };
}

function lengths(found: Lengths): AuditSection {
  const caption = "Pairs of the same prompt are resampled together.";
  const over: [string, number | null][] = [
    ["responses longer than a run takes", found.overlongResponses],
    ["prompts that a run would cut", found.cutPrompts],
  ];
  return {
    title: `Lengths, in ${found.unit}`,
    caption,
    rows: [
      ["prompts: median, 90 %, longest", quantiles(found.prompts)],
      ["responses: median, 90 %, longest", quantiles(found.responses)],
      ["pairs won by the longer response", percents(found.longerWins)],
      ...over.flatMap(([name, share]): [string, string][] =>
        share === null ? [] : [[name, percent(share)]]
      ),
    ],
  };
}

function labels(found: Consistency): AuditSection {
  return {
    title: "Labels",
    caption:
      "Whether the labels agree with one another, where the data can tell. A coin would make " +
      "a quarter of the triples circular.",
    rows: [
      ["pairs of answers labelled again", count(found.repeated)],
      ["of these labelled both ways", outOf(found.contradictory, found.repeated)],
      ["triples of answers all compared", count(found.triples)],
      ["of these going round in a circle", outOf(found.circular, found.triples)],
      ["answers rated again", count(found.ratedAgain)],
      ["of these rated differently", outOf(found.ratedDifferently, found.ratedAgain)],
    ],
  };
}

function texts(found: TextHealth): AuditSection {
  return {
    title: "Texts",
    caption: "Prompts and responses, each text once, with the place where damage is first seen.",
    rows: [
      ["different texts", count(found.texts)],
      ...found.damage.map(({ name, texts, example }): [string, string] => [
        `with ${name}`,
        example === null ? "0" : `${outOf(texts, found.texts)}, such as ${JSON.stringify(example)}`,
      ]),
      ["letters by script", scripts(found)],
      ["rows without white space between prompt and response", outOf(found.glued, found.rows)],
    ],
  };
}

function scripts({ scripts }: TextHealth): string {
  return scripts.map(({ script, share }) => `${script} ${percent(share)}`).join(", ") || "–";
}

function coverage({ coverage: found, model }: ModelAudit): AuditSection {
  const title = `Coverage by ${model}`;
  if (!isMeasured(found)) return notMeasured(title, found);
  return {
    title,
    caption:
      "Whether the model could have written the references. A reset state is covered if its " +
      "next token is among the likeliest that together hold 90 %.",
    rows: [
      ["references asked about", count(found.references)],
      ["log probability per token, nats", formatEstimate(found.logProbability, 2)],
      ["reset states covered", percents(found.covered)],
    ],
  };
}

function reward(found: Measured<QuickReward>): AuditSection {
  const title = "A quick reward model";
  if (!isMeasured(found)) return notMeasured(title, found);
  const { advantage } = found;
  return {
    title,
    caption:
      `Trained for ${found.steps} steps on ${count(found.trainPairs)} pairs: a look, not the ` +
      `model of a run. Accuracies on ${found.testPairs} held-out pairs; the advantage is the score of ` +
      "the references minus that of the model's own answers to the same held-out prompts.",
    rows: [
      ["accuracy of the reward model", percents(found.accuracy)],
      ["of a bag of words on the same pairs", percents(found.bagOfWords)],
      ["of taking the longer response", percents(found.longer)],
      [
        `advantage of the references, ${found.prompts} prompts`,
        isMeasured(advantage) ? formatEstimate(advantage, 3) : advantage.unmeasured,
      ],
    ],
  };
}

function notMeasured(title: string, { unmeasured }: Unmeasured): AuditSection {
  return { title, caption: "Not measured.", rows: [["not measured", unmeasured]] };
}

const count = (value: number) => value.toLocaleString("en");
const percents = (share: Estimate | null) =>
  share === null ? "–" : `${formatEstimate(share, 1, 100)} %`;
const outOf = (some: number, all: number) =>
  all === 0 ? "–" : `${count(some)} (${percent(some / all)})`;
const quantiles = (found: Quantiles | null) =>
  found === null ? "–" : [found.median, found.p90, found.longest].map(count).join(", ");
