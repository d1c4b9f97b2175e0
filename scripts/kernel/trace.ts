import type { LaunchTime } from "../../engine/gpu/profiler.ts";

/** An event of the Trace Event Format; times in microseconds. */
interface TraceEvent {
  name: string;
  ph: "X" | "M";
  pid: number;
  tid: number;
  ts?: number;
  dur?: number;
  args?: Record<string, string>;
}

const HOST = 1, GPU = 2; // threads of the trace

/**
 * A trace of launches on the GPU, with the step on the CPU that made them. The two clocks have no common zero, so
 * both tracks start at 0.
 * @param milliseconds how long the step took on the CPU
 */
export function traceEvents(
  launches: readonly LaunchTime[],
  step: string,
  milliseconds: number,
): { traceEvents: TraceEvent[] } {
  const first = launches.reduce((least, { start }) => Math.min(least, start), Infinity);
  const named = (tid: number, name: string): TraceEvent => ({
    name: "thread_name",
    ph: "M",
    pid: 1,
    tid,
    args: { name },
  });
  const events = launches.map(({ kernel, start, end }): TraceEvent => {
    const [name, ...constants] = kernel.split(" ");
    return {
      name,
      ph: "X",
      pid: 1,
      tid: GPU,
      ts: 1000 * (start - first),
      dur: 1000 * (end - start),
      args: { constants: constants.join(" ") },
    };
  });
  return {
    traceEvents: [
      named(HOST, "JavaScript, and waiting for the GPU"),
      named(GPU, "GPU"),
      { name: step, ph: "X", pid: 1, tid: HOST, ts: 0, dur: 1000 * milliseconds },
      ...events,
    ],
  };
}
