// Is this data fit for DR-PO?
//
//   npx bun scripts/audit.ts FILE [--model FOLDER]
//
// Counts and checks the rows, with a model also asks what it makes of them, and ends in a plain verdict with
// reasons. --select keeps the best references as a file that a run takes with --resets.
import "./host/failure.ts";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { auditData } from "../data/audit/data-audit.ts";
import { parseSelection } from "../data/audit/selection.ts";
import { judge } from "../data/audit/verdict.ts";
import { describeDataset } from "../data/describe.ts";
import { parseColumns } from "../data/forms/recognise.ts";
import { jsonLines } from "../data/json-lines.ts";
import { readArguments } from "./host/arguments.ts";
import { openEngine } from "./host/engine.ts";
import { auditor } from "./lib/audit-fit.ts";
import { auditWithModel } from "./lib/audit-model.ts";
import { selectResets } from "./lib/audit-selection.ts";
import { loadDataset } from "./lib/data.ts";
import { loadTextModel } from "./lib/load-model.ts";
import { FRACTIONS, SPLIT_SEED } from "./lib/task.ts";
import { type AuditReport, renderAudit, renderAuditPage } from "./report/audit.ts";

const given = readArguments({
  usage: "npx bun scripts/audit.ts",
  summary: "Tells whether preference data are fit for DR-PO, with reasons.",
  flags: {
    model: { type: "string", placeholder: "FOLDER", help: "a model folder or hub name to ask too" },
    columns: {
      type: "string",
      placeholder: "NAMES",
      help: "which columns of the data are which, such as prompt=question,chosen=good",
    },
    responseTokens: { type: "integer", default: 128, min: 2, help: "a run's longest response" },
    sample: { type: "integer", default: 48, min: 2, help: "references and prompts to ask about" },
    steps: { type: "integer", default: 60, min: 1, help: "steps of the quick reward model" },
    seed: { type: "integer", default: 1, min: 0, max: 0xffffffff, help: "seed of all draws" },
    select: {
      type: "string",
      placeholder: "BY:SHARE",
      help: "keeps a share of the references by reward, margin, coverage or novelty",
    },
    out: { type: "string", placeholder: "FILE", help: "where --select writes them" },
    html: {
      type: "string",
      default: "audit.html",
      placeholder: "FILE",
      help: "where the page goes",
    },
    json: { type: "boolean", help: "prints the findings as JSON" },
  },
  positionals: ["file"],
});
const { seed, sample, steps, responseTokens } = given;
const selection = given.select === undefined ? null : parseSelection(given.select);
if ((selection === null) !== (given.out === undefined)) {
  throw new Error("--select BY:SHARE and --out FILE belong together");
}

// The data; malformed rows are counted, not fatal.
const engine = given.model === undefined ? null : (await openEngine()).engine;
const model = engine && await loadTextModel(engine, given.model!);
const asked = model && auditor(model, { sample, steps, responseTokens, seed });
const dataset = await loadDataset(given.positionals[0], {
  columns: given.columns === undefined ? undefined : parseColumns(given.columns),
  skipBadRows: true,
  chatTemplate: model !== null && model.chat !== null,
});
const data = auditData(dataset, {
  fractions: FRACTIONS,
  splitSeed: SPLIT_SEED,
  seed,
  tokens: asked?.tokens,
});

// What the model makes of them, and the verdict.
const opinion = asked && await auditWithModel(given.model!, dataset, asked);
const report: AuditReport = {
  name: dataset.name,
  form: dataset.form.name,
  description: describeDataset(dataset),
  verdict: judge(data, opinion && opinion.audit),
  data,
  model: opinion && opinion.audit,
};
write(given.html, renderAuditPage(report));
console.log(given.json ? JSON.stringify(report, null, 2) : renderAudit(report));

// The references worth resetting to.
if (selection) {
  const scorer = asked && { auditor: asked, rewardModel: opinion!.rewardModel };
  const selected = await selectResets(selection, dataset, scorer);
  const rows = selected.map(({ prompt, response, score, id }) => ({ prompt, response, score, id }));
  write(given.out!, jsonLines(rows));
  console.error(`${rows.length} references by ${selection.by} are in ${given.out}`);
}
console.error(`The page is ${given.html}`);
engine?.destroy();
process.exit(0);

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
