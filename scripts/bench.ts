// Measures every op of the registry (engine/check), by each of its kernels, at the shapes of the bundled task:
//
//   npx bun scripts/bench.ts [--only matmul,attention] [--json]
//   npx bun scripts/bench.ts --peers [--only product,attention] [--json]     beside jax-js and tfjs (docs/speed.md)
//
// Times are medians over samples after a warm-up, with half the distance between the quartiles; each sample
// is many launches and one wait for the GPU, and counts the launching too.
import "./host/failure.ts";
import process from "node:process";
import { availableVariants } from "../engine/check/grid.ts";
import { describeSizes, type Op } from "../engine/check/op.ts";
import { findFamily, registry } from "../engine/check/registry.ts";
import type { Engine } from "../engine/gpu/engine.ts";
import { asArgument, readArguments } from "./host/arguments.ts";
import { openEngine } from "./host/engine.ts";
import { formatRate, formatTiming } from "./kernel/format.ts";
import { prepareWork } from "./kernel/work.ts";
import { measure, type Timing } from "./lib/measure.ts";
import { benchPeers } from "./peers/main.ts";

interface Row {
  name: string;
  shape: string;
  forward: Timing;
  /** Forward and backward together; null where there is no gradient. */
  both: Timing | null;
  rate: string;
}

const { only, json, peers } = readArguments({
  usage: "npx bun scripts/bench.ts",
  summary: "Measures the kernels at the shapes of the bundled task, or works beside the peers.",
  flags: {
    only: {
      type: "string",
      help: "Only these kernel families (or, with --peers, works), with commas.",
      placeholder: "NAMES",
    },
    json: { type: "boolean", help: "Print JSON." },
    peers: { type: "boolean", help: "Measure beside jax-js and tfjs, which it installs first." },
  },
});
if (peers) {
  await benchPeers({ only: only?.split(","), json });
  process.exit(0);
}
const families = only ? asArgument(() => only.split(",").map(findFamily)) : registry;

const { engine, adapter } = await openEngine();
if (!json) console.log(adapter.name);
const rows: Row[] = [];
for (const op of families.flatMap(({ ops }) => ops)) {
  for (const { name } of availableVariants(engine, op, op.typical)) {
    const row = await measureOp(engine, op, name);
    rows.push(row);
    if (!json) console.log(format(row));
  }
}
if (json) console.log(JSON.stringify({ adapter: adapter.name, rows }, null, 2));
engine.destroy();
process.exit(0);

async function measureOp(engine: Engine, op: Op, variant?: string): Promise<Row> {
  const scope = engine.openScope();
  const work = engine.within(scope, () => prepareWork(engine, op, op.typical, variant));
  const forward = await measure(engine, work.forward);
  const both = work.both ? await measure(engine, work.both) : null;
  engine.close(scope);
  const name = variant ? `${op.name} ${variant}` : op.name;
  const shape = describeSizes(op.typical);
  return { name, shape, forward, both, rate: formatRate(work.cost, forward) };
}

function format({ name, shape, forward, both, rate }: Row): string {
  return [
    name.padEnd(26),
    formatTiming(forward).padStart(18),
    (both ? formatTiming(both) : "").padStart(18),
    rate.padStart(15),
    ` ${shape}`,
  ].join("  ");
}
