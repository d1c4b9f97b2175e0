import process from "node:process";
import { failures } from "../../engine/check/check.ts";
import { checkGrid, type GridRow } from "../../engine/check/grid.ts";
import { describeSizes } from "../../engine/check/op.ts";
import { registry } from "../../engine/check/registry.ts";
import { readArguments } from "../host/arguments.ts";
import { openEngine } from "../host/engine.ts";
import { expectVariant, findOps, replacedShader, useFile } from "./contender.ts";
import { checkElsewhere } from "./elsewhere.ts";

/** Compares kernels with float64 on the CPU and with finite differences; the exit status tells whether all hold. */
export async function check(): Promise<void> {
  const { positionals: names, variant, file, full, within } = readArguments({
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
    },
  });
  const chosen = names[0] === "all"
    ? registry
    : names.map(findOps).map(({ family, ops }) => ({ ...family, ops }));
  if (within) return await checkElsewhere(within, chosen, { full });

  const { engine, adapter } = await openEngine();
  const ops = chosen.flatMap(({ ops }) => ops);
  if (variant) expectVariant(engine, ops, variant);
  if (file) await useFile(engine, replacedShader(chosen[0], ops, variant), file);
  console.log(adapter.name);
  let checks = 0, failed = 0;
  for await (const row of checkGrid(engine, chosen, { full, variant })) {
    console.log(describeRow(row));
    checks++;
    if (failures(row.deviations).length) failed++;
  }
  console.log(`\n${checks} checks, ${failed} failed`);
  engine.destroy();
  if (failed || checks === 0) process.exit(1);
}

/** `ok attention B=1 … out 0.12, gradient of q 0.30 of the tolerance`. */
export function describeRow({ op, variant, sizes, deviations }: GridRow): string {
  const parts = deviations.map(({ quantity, error, tolerance }) =>
    tolerance === 0
      ? `${quantity} ${error === 0 ? "exact" : `off by ${error.toPrecision(2)}, expected exact`}`
      : `${quantity} ${error.toExponential(1)} of ${tolerance}`
  );
  const state = failures(deviations).length ? "FAILED" : "ok    ";
  return `${state} ${[op.name, variant, describeSizes(sizes)].filter(Boolean).join(" ")}: ${
    parts.join(", ")
  }`;
}
