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
import { jsonLines } from "../data/json-lines.ts";
import { ArgumentError, asArgument } from "./host/arguments.ts";
import { openEngine } from "./host/engine.ts";
import { auditor } from "./lib/audit-fit.ts";
import { auditWithModel } from "./lib/audit-model.ts";
import { selectionRow, selectResets } from "./lib/audit-selection.ts";
import { openCommand } from "./lib/command.ts";
import { columnMap } from "./lib/command-task.ts";
import { loadDataset } from "./lib/data.ts";
import { dataFlags, lengthFlags, modelFlag, required, seedFlag } from "./lib/flags.ts";
import { checkResponseTokens, loadPolicy, naming } from "./lib/load-model.ts";
import { FRACTIONS, SPLIT_SEED } from "./lib/task.ts";
import { type AuditReport, renderAudit, renderAuditPage } from "./report/audit.ts";

const { options, output } = openCommand({
  name: "audit",
  summary: "Tells whether preference data are fit for DR-PO, with reasons.",
  flags: {
    ...dataFlags,
    data: required(dataFlags.data),
    skipBadRows: {
      type: "boolean",
      help: "as of a run: the audit always leaves them out and counts them",
    },
    model: { ...modelFlag, help: "a model to ask too: a folder, a run, or a name on the hub" },
    promptTokens: {
      type: "integer",
      min: 2,
      help: "a run's longest prompt, in tokens; without it what the model's context leaves",
    },
    responseTokens: { ...lengthFlags.responseTokens, help: "a run's longest response, in tokens" },
    sample: { type: "integer", default: 48, min: 2, help: "references and prompts to ask about" },
    steps: { type: "integer", default: 60, min: 1, help: "steps of the quick reward model" },
    seed: seedFlag,
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
  },
  bare: "data",
});
const { model: name, select, out, seed } = options;
const selection = select === undefined ? null : asArgument(() => parseSelection(select));
if ((selection === null) !== (out === undefined)) {
  throw new ArgumentError("--select BY:SHARE and --out FILE belong together");
}
if (selection && selection.by !== "novelty" && name === undefined) {
  throw new ArgumentError(`--select ${selection.by} needs a model to score with: give --model`);
}

// The data; malformed rows are counted, not fatal.
const columns = columnMap(options.columns);
const engine = name === undefined ? null : (await openEngine()).engine;
const model = engine && await loadPolicy(engine, "--model", name!);
if (model) checkResponseTokens(options.responseTokens, model);
const asked = model && auditor(model, options);
const reading = { columns, skipBadRows: true, chatTemplate: Boolean(model?.chat) };
const dataset = await naming("--data", loadDataset(options.data, reading));
const data = auditData(dataset, {
  fractions: FRACTIONS,
  splitSeed: SPLIT_SEED,
  seed,
  tokens: asked?.tokens,
});

// What the model makes of them, and the verdict.
const opinion = asked && await auditWithModel(name!, dataset, asked, output.progress);
const report: AuditReport = {
  name: dataset.name,
  form: dataset.form.name,
  description: describeDataset(dataset),
  verdict: judge(data, opinion && opinion.audit),
  data,
  model: opinion && opinion.audit,
};
write(options.html, renderAuditPage(report));
output.result(renderAudit(report), report);

// The references worth resetting to.
if (selection) {
  const scorer = asked && { auditor: asked, rewardModel: opinion!.rewardModel };
  const selected = await selectResets(selection, dataset, scorer);
  write(out!, jsonLines(selected.map((row) => selectionRow(selection, row))));
  output.note(`${selected.length} references by ${selection.by} are in ${out}`);
}
output.note(`The page is ${options.html}`);
engine?.destroy();
process.exit(0);

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
