// Measures the kernels, one row per family, at the shapes of the bundled task:
//
//   npx bun scripts/bench.ts [--only matmul,attention] [--json]
//   npx bun scripts/bench.ts --peers [--only product,attention] [--json]     beside jax-js and tfjs
//
// Times are medians over samples after a warm-up, with half the distance between the quartiles; each sample
// is many launches and one wait for the GPU, and counts the launching too.
import "./host/failure.ts";
import process from "node:process";
import type { Engine } from "../engine/gpu/engine.ts";
import { shaderNames } from "../engine/gpu/shaders.ts";
import { Tape } from "../engine/tensor/tape.ts";
import { readArguments } from "./host/arguments.ts";
import { openEngine } from "./host/engine.ts";
import { type BenchCase, benchCases, type Work } from "./lib/bench-cases.ts";
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
      help: "Only these families or works, with commas.",
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
const names = only?.split(",") ?? shaderNames;
const unknown = names.find((name) => !benchCases.some((bench) => bench.name === name));
if (unknown) {
  console.error(`There is no row "${unknown}"; there are ${shaderNames.join(", ")}`);
  process.exit(2);
}

const { engine, adapter } = await openEngine();
if (!json) console.log(adapter.name);
const rows: Row[] = [];
for (const bench of benchCases) {
  if (!names.includes(bench.name)) continue;
  if (bench.name.endsWith("_subgroup") && !engine.features.subgroups) continue;
  const row = await measureCase(engine, bench);
  rows.push(row);
  if (!json) console.log(format(row));
}
if (json) console.log(JSON.stringify({ adapter: adapter.name, rows }, null, 2));
engine.destroy();
process.exit(0);

async function measureCase(engine: Engine, bench: BenchCase): Promise<Row> {
  const scope = engine.openScope();
  const work = engine.within(scope, () => bench.prepare(engine));
  const forward = await measure(engine, work.run);
  const runBoth = work.runBoth ?? (work.inputs && (() => forwardAndBackward(engine, work)));
  const both = runBoth ? await measure(engine, runBoth) : null;
  engine.close(scope);
  const name = bench.variant ? `${bench.name} ${bench.variant}` : bench.name;
  return { name, shape: bench.shape, forward, both, rate: rate(work, forward) };
}

function forwardAndBackward(engine: Engine, { run, inputs = [] }: Work): void {
  const tape = new Tape();
  for (const input of inputs) tape.watch(input);
  const out = engine.record(tape, run);
  if (out) tape.backward(out, engine.zeros(out.shape));
}

function rate({ flops, bytes }: Work, { median }: Timing): string {
  if (flops) return `${(flops / median / 1e6).toFixed(1)} GFLOP/s`;
  return bytes ? `${(bytes / median / 1e6).toFixed(1)} GB/s` : "";
}

function format({ name, shape, forward, both, rate }: Row): string {
  const time = ({ median, spread }: Timing) => `${median.toFixed(2)} ± ${spread.toFixed(2)} ms`;
  return [
    name.padEnd(26),
    time(forward).padStart(18),
    (both ? time(both) : "").padStart(18),
    rate.padStart(15),
    ` ${shape}`,
  ].join("  ");
}
