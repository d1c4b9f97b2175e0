// The op check in the runtime's own WebGPU: `navigator.gpu` of Deno or a browser. No part of a runtime is used but
// that, and in Deno the command line.
import { failures } from "../../engine/check/check.ts";
import { checkGrid, type Shapes } from "../../engine/check/grid.ts";
import { registry } from "../../engine/check/registry.ts";
import { Engine } from "../../engine/gpu/engine.ts";
import { adapterDescription } from "../host/adapter.ts";
import { describeRow } from "./row.ts";

/** What to check: ops by name. */
export interface RemoteCheck {
  ops: readonly string[];
  shapes: Shapes;
}

/** A line for each check, and whether it failed. */
export interface RemoteReport {
  adapter: string;
  rows: { line: string; failed: boolean }[];
}

/** Checks ops on the adapter that the runtime gives. */
async function remoteCheck({ ops, shapes }: RemoteCheck): Promise<RemoteReport> {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw new Error("this runtime's WebGPU found no adapter");
  const { name, software } = adapterDescription(adapter);
  const engine = await Engine.create(adapter, { software });
  const families = registry.map((family) => ({
    ...family,
    ops: family.ops.filter((op) => ops.includes(op.name)),
  }));
  const rows: RemoteReport["rows"] = [];
  for await (const row of checkGrid(engine, families, { shapes })) {
    rows.push({ line: describeRow(row), failed: failures(row.deviations).length > 0 });
  }
  engine.destroy();
  return { adapter: name, rows };
}

if (typeof Deno !== "undefined") {
  console.log(JSON.stringify(await remoteCheck(JSON.parse(Deno.args[0]))));
  Deno.exit(0);
} else Object.assign(globalThis, { main: remoteCheck });

declare const Deno: { args: string[]; exit(code: number): never } | undefined;
