import "./host/failure.ts";
import { readArguments } from "./host/arguments.ts";
import { readRun } from "./host/read-run.ts";
import { RunFolder } from "./host/run-folder.ts";
import { renderReport } from "./report/html.ts";
import { renderTable } from "./report/table.ts";

const { positionals } = readArguments({
  usage: "npx bun scripts/report.ts",
  summary: "Writes report.html of a run anew from the files in its folder.",
  flags: {},
  positionals: ["run"],
});
const path = positionals[0]!;
const run = readRun(path);
new RunFolder(path).write("report.html", renderReport(run));
console.log(`${renderTable(run.results)}\n\n${path}/report.html`);
