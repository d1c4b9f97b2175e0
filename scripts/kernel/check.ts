import process from "node:process";
import { failures } from "../../engine/check/check.ts";
import { checkGrid } from "../../engine/check/grid.ts";
import { registry } from "../../engine/check/registry.ts";
import { ArgumentError, readArguments } from "../host/arguments.ts";
import { openEngine } from "../host/engine.ts";
import { experimentalFlags, experimentalOptions } from "../lib/flags.ts";
import { expectUsed, expectVariant, findOps, replacedShader, useFile } from "./contender.ts";
import { checkElsewhere, type Elsewhere } from "./elsewhere.ts";
import type { RemoteCheck } from "./remote.ts";
import { describeRow } from "./row.ts";

/** Compares kernels with float64 on the CPU and with finite differences; the exit status tells whether all hold. */
export async function check(): Promise<void> {
  const options = readArguments({
    usage: "npx bun scripts/kernel.ts check",
    summary:
      "Checks kernels (families or ops by name, or `all`) against float64 on the CPU and by\n" +
      "finite differences, over a grid of odd and edge shapes.",
    positionals: ["name…"],
    flags: {
      variant: { type: "string", help: "Only this kernel of the op.", placeholder: "NAME" },
      file: { type: "string", help: "A .wgsl file that stands in for ours.", placeholder: "PATH" },
      full: { type: "boolean", help: "The larger shapes too." },
      within: {
        type: "string",
        help: "Another implementation of WebGPU.",
        choices: ["deno", "chromium"],
      },
      ...experimentalFlags,
    },
  });
  const { positionals: names, variant, file, full, within } = options;
  const chosen = names[0] === "all"
    ? registry
    : [...new Set(names)].map(findOps).map(({ family, ops }) => ({ ...family, ops }));
  if (within && (variant || file || options.experimentalSubgroupMatrices)) {
    throw new ArgumentError(
      "--within checks all of our own kernels; leave --variant, --file and experiments out.",
    );
  }
  if (file && chosen.length > 1) {
    throw new ArgumentError("--file stands in for one kernel; name one family or op.");
  }
  const shapes = full ? "full" : "grid";
  const ops = chosen.flatMap(({ ops }) => ops);
  if (within) return await report(within, { ops: ops.map(({ name }) => name), shapes });

  const { engine, adapter } = await openEngine(experimentalOptions(options));
  if (variant) expectVariant(engine, ops, variant);
  const replaced = replacedShader(chosen[0], ops, variant);
  if (file) await useFile(engine, replaced, file);
  console.log(adapter.name);
  let checks = 0, failed = 0;
  for await (const row of checkGrid(engine, chosen, { shapes, variant })) {
    console.log(describeRow(row));
    checks++;
    if (failures(row.deviations).length) failed++;
  }
  if (file) expectUsed(engine, replaced, file);
  if (checks === 0) console.log("This adapter runs none of these kernels.");
  console.log(`\n${checks} checks, ${failed} failed`);
  engine.destroy();
  if (failed || checks === 0) process.exit(1);
}

async function report(within: Elsewhere, what: RemoteCheck): Promise<void> {
  const { adapter, rows } = await checkElsewhere(within, what);
  console.log(adapter);
  for (const { line } of rows) console.log(line);
  const failed = rows.filter(({ failed }) => failed).length;
  console.log(`\n${rows.length} checks, ${failed} failed`);
  if (failed || rows.length === 0) process.exit(1);
}
