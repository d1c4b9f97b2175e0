import { access, constants, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { percent } from "../../data/percent.ts";
import type { LaunchTime } from "../../engine/gpu/profiler.ts";
import { loadModel } from "../../engine/nn/model.ts";
import { sum } from "../../engine/rl/statistics.ts";
import { ArgumentError, readArguments } from "../host/arguments.ts";
import { openEngine } from "../host/engine.ts";
import { openFolder } from "../host/files.ts";
import { decodingStep, trainingStep } from "./steps.ts";
import { traceEvents } from "./trace.ts";

/** Shows where a whole step goes: a table by kernel, and a trace for chrome://tracing or Perfetto. */
export async function profile(): Promise<void> {
  const { model: path, step, sequences, length, trace } = readProfileArguments();
  await expectWritable(trace);
  const { engine, adapter } = await openEngine();
  const model = await loadModel(engine, openFolder(path));
  const { context } = model.config;
  if (length > context) {
    throw new ArgumentError(`--length ${length} is more than the model's context of ${context}.`);
  }
  const run = (step === "train" ? trainingStep : decodingStep)(model, { sequences, length });
  for (let warmUp = 0; warmUp < 2; warmUp++) await run();
  const alone = await wallTime(run);
  const spans: [start: number, end: number] = [performance.now(), 0];
  const launches = await engine.profile(async () => {
    await run();
    spans[1] = performance.now();
  });
  console.log(
    `${adapter.name}\n${step} step of ${path}: ${sequences} sequences of ${length} tokens\n`,
  );
  console.log(table(launches).join("\n"));
  const busy = sum(launches.map(duration));
  console.log(
    `\n${launches.length} launches, ${busy.toFixed(2)} ms on the GPU; the step takes ${
      alone.toFixed(2)
    } ms unobserved`,
  );
  await writeFile(
    trace,
    JSON.stringify(traceEvents(launches, `${step} step`, spans[1] - spans[0])),
  );
  console.log(`${trace} opens in chrome://tracing and in ui.perfetto.dev`);
}

function readProfileArguments() {
  return readArguments({
    usage: "npx bun scripts/kernel.ts profile",
    summary: "Profiles a training step or the decoding of a batch, by kernel.",
    flags: {
      model: {
        type: "string",
        help: "A Hugging Face model folder.",
        placeholder: "DIR",
        default: "data/storyteller",
      },
      step: {
        type: "string",
        help: "What to profile.",
        choices: ["train", "decode"],
        default: "train",
      },
      sequences: { type: "integer", help: "Sequences of the batch.", default: 16, min: 1 },
      length: { type: "integer", help: "Tokens of each; half are decoded.", default: 64, min: 2 },
      trace: {
        type: "string",
        help: "The trace file.",
        placeholder: "PATH",
        default: "trace.json",
      },
    },
  });
}

/** Throws before anything is profiled where the trace could not be written afterwards. */
async function expectWritable(trace: string): Promise<void> {
  try {
    await access(dirname(trace), constants.W_OK);
  } catch (error) {
    throw new ArgumentError(`--trace ${trace} cannot be written: ${(error as Error).message}`);
  }
}

async function wallTime(run: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

const duration = ({ start, end }: LaunchTime) => end - start;
/** A kernel's shader and entry point, without its constants. */
const entryOf = (kernel: string) => kernel.split(" ")[0];

/** Kernels by their share of the time, the largest first. */
function table(launches: readonly LaunchTime[]): string[] {
  const all = sum(launches.map(duration));
  const names = new Set(launches.map(({ kernel }) => entryOf(kernel)));
  const rows = [...names].map((kernel) => {
    const group = launches.filter((launch) => entryOf(launch.kernel) === kernel);
    return { kernel, group, time: sum(group.map(duration)) };
  }).sort((a, b) => b.time - a.time);
  const width = Math.max(...rows.map(({ kernel }) => kernel.length));
  return [
    `${"kernel".padEnd(width)}   share        time   launches   each`,
    ...rows.map(({ kernel, group, time }) =>
      [
        kernel.padEnd(width),
        percent(time / all).padStart(7),
        `${time.toFixed(2)} ms`.padStart(11),
        String(group.length).padStart(8),
        `${(time / group.length).toFixed(3)} ms`.padStart(11),
      ].join(" ")
    ),
  ];
}
