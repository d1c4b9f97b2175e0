import process from "node:process";
import { percent } from "../../data/percent.ts";
import { failures } from "../../engine/check/check.ts";
import { checkGrid } from "../../engine/check/grid.ts";
import { completeSizes, describeSizes, type Family, type Op } from "../../engine/check/op.ts";
import { Engine } from "../../engine/gpu/engine.ts";
import { asArgument, readArguments } from "../host/arguments.ts";
import { openEngine } from "../host/engine.ts";
import { type Ceilings, measureCeilings } from "../lib/ceilings.ts";
import { experimentalFlags, experimentalOptions } from "../lib/flags.ts";
import {
  type Clock,
  gpuClock,
  measure,
  measureInTurns,
  timingOf,
  wallClock,
} from "../lib/measure.ts";
import {
  expectUsed,
  expectVariant,
  findOps,
  parseSizes,
  replacedShader,
  useFile,
} from "./contender.ts";
import { formatRates, formatTiming, giga, roofline } from "./format.ts";
import { describeRow } from "./row.ts";
import { prepareWork, type Work } from "./work.ts";

/** One of the kernels that are timed in turns, on an engine of its own. */
interface Contender {
  name: string;
  engine: Engine;
  work: Work;
}

/** Times an op, and says how near its adapter's ceilings it comes, or how it compares with another kernel. */
export async function time(): Promise<void> {
  const options = readArguments({
    usage: "npx bun scripts/kernel.ts time",
    summary: "Times one op, at the sizes of the bundled task or those given.",
    positionals: ["name"],
    flags: {
      shape: { type: "string", help: "Sizes by their letters.", placeholder: "B=16,T=128,…" },
      variant: { type: "string", help: "This kernel of the op.", placeholder: "NAME" },
      against: { type: "string", help: "Another kernel, measured in turns.", placeholder: "NAME" },
      file: {
        type: "string",
        help: "A .wgsl file, measured in turns with ours.",
        placeholder: "PATH",
      },
      ...experimentalFlags,
    },
  });
  const { positionals: [name], shape, variant, against, file } = options;
  const { family, ops: [op] } = findOps(name);
  const sizes = asArgument(() => completeSizes(op, shape ? parseSizes(shape) : op.typical));
  const { engine, adapter } = await openEngine(experimentalOptions(options));
  for (const variantName of [variant, against]) {
    if (variantName) expectVariant(engine, [op], variantName);
  }
  const contend = async (name: string, variant?: string, file?: string): Promise<Contender> => {
    const { engine } = await openEngine(experimentalOptions(options));
    const replaced = replacedShader(family, [op], variant);
    if (file) await useFile(engine, replaced, file);
    const work = prepareWork(engine, op, sizes, variant);
    if (file) {
      engine.scope(work.both ?? work.forward);
      expectUsed(engine, replaced, file);
    }
    return { name, engine, work };
  };
  const contenders = file
    ? [await contend(file, variant, file), await contend("ours", variant)]
    : [await contend(variant ?? "ours", variant)];
  if (against) contenders.push(await contend(against, against));
  if (file) {
    const { engine } = await openEngine(experimentalOptions(options));
    await warnOfFaults(engine, { ...family, ops: [op] }, file, variant);
    engine.destroy();
  }

  const clock = engine.features.timestamps ? gpuClock : wallClock;
  console.log(`${adapter.name}, ${clock === gpuClock ? "GPU timestamps" : "wall clock"}`);
  console.log(`${op.name} ${describeSizes(sizes)}`);
  const ceilings = await measureCeilings(engine, (engine, body) => measure(engine, body, clock));
  await report(op, contenders, clock, ceilings);
  process.exit(0);
}

/** A kernel that computes something else may well be faster: it is checked at some shapes, on `engine`. */
async function warnOfFaults(engine: Engine, family: Family, file: string, variant?: string) {
  await useFile(engine, replacedShader(family, family.ops, variant), file);
  try {
    for await (const row of checkGrid(engine, [family], { shapes: "few", variant })) {
      if (failures(row.deviations).length === 0) continue;
      console.error(`${file} computes wrongly:\n${describeRow(row)}`);
      break;
    }
  } catch (error) {
    console.error(`${file} fails at shapes that are checked: ${(error as Error).message}`);
  }
}

async function report(op: Op, contenders: Contender[], clock: Clock, ceilings: Ceilings) {
  const width = Math.max(...contenders.map(({ name }) => name.length));
  const forward = await samples(contenders, ({ forward }) => forward, clock);
  for (const [i, { name, work }] of contenders.entries()) {
    const timing = timingOf(forward[i]);
    console.log(
      `  ${name.padEnd(width)}  forward           ${formatTiming(timing)}  ${
        formatRates(work.cost, timing)
      }`,
    );
  }
  const both = contenders[0].work.both
    ? await samples(contenders, (work) => work.both!, clock)
    : [];
  for (const [i, times] of both.entries()) {
    const { name } = contenders[i];
    console.log(`  ${name.padEnd(width)}  forward+backward  ${formatTiming(timingOf(times))}`);
  }
  rooflineLine(op, contenders, forward, ceilings);
  for (const [stage, times] of [["forward", forward], ["forward+backward", both]] as const) {
    for (let other = 1; other < times.length; other++) ratioLine(stage, contenders, times, other);
  }
}

function samples(contenders: Contender[], part: (work: Work) => () => void, clock: Clock) {
  return measureInTurns(
    contenders.map(({ engine, work }) => ({ engine, body: part(work) })),
    clock,
  );
}

function rooflineLine(op: Op, contenders: Contender[], forward: number[][], ceilings: Ceilings) {
  console.log(
    `  roofline: ${giga(ceilings.flops)} GFLOP/s of multiply-adds and ${
      giga(ceilings.bytes)
    } GB/s of copying, measured in this run`,
  );
  const { cost } = contenders[0].work;
  if (!cost.flops && !cost.bytes) {
    return console.log(`  ${op.name} states no work to hold against it`);
  }
  const { least, bound } = roofline(cost, ceilings);
  const shares = contenders.map(({ name }, i) =>
    `${name} reaches ${percent(least / timingOf(forward[i]).median)}`
  );
  console.log(
    `  bound by ${bound}, forward can take ${least.toFixed(3)} ms at best: ${shares.join(", ")}`,
  );
}

/** How another kernel compares with the first: the median of the ratios of samples taken side by side. */
function ratioLine(stage: string, contenders: Contender[], times: number[][], other: number) {
  const { median, spread } = timingOf(times[0].map((time, i) => times[other][i] / time));
  const [a, b] = [contenders[0].name, contenders[other].name];
  console.log(
    `  ${stage}: ${a} is ${median.toFixed(2)} ± ${spread.toFixed(2)} times as fast as ${b}`,
  );
}
