import type { PhaseMemory } from "../../engine/rl/rehearsal.ts";
import { ArgumentError } from "../host/arguments.ts";
import { GIB } from "../host/engine.ts";
import { align } from "../report/table.ts";

type Part = "weights" | "optimizer" | "training" | "generation";

const rows: readonly [Exclude<keyof PhaseMemory, "phase">, string][] = [
  ["weights", "weights of all models"],
  ["optimizer", "gradients and moments"],
  ["training", "activations of a training step"],
  ["generation", "generating responses"],
  ["cache", "  of which cache"],
  ["peak", "most at once"],
];

/** What to change where a part is the largest. */
const advice: Record<Part, string> = {
  weights:
    "use a smaller model, or --lora-rank, with which trained models share their base, and --weights f16",
  optimizer: "train adapters (--lora-rank), or a smaller model",
  training: "lower --micro-tokens, as far as the longest row; below that shorten --response-tokens",
  generation:
    "shorten --response-tokens, or generate fewer rows at a time: --episodes or --test-prompts, where there are such",
};

/** A column a phase, a row a part. */
export function renderPlan(phases: readonly PhaseMemory[], gib: number): string {
  const table = align([
    ["", ...phases.map(({ phase }) => phase)],
    ...rows.filter(([part]) => phases.some((phase) => phase[part] > 0))
      .map(([part, title]) => [title, ...phases.map((phase) => inUnits(phase[part]))]),
  ]);
  return `Memory, of ${gib} GiB that may be used:\n${table}\n`;
}

/** Throws where a phase needs more than `gib` GiB, naming its largest part and what makes it smaller. */
export function checkPlan(phases: readonly PhaseMemory[], gib: number): void {
  const { phase, peak, ...parts } = phases.reduce((a, b) => b.peak > a.peak ? b : a);
  if (peak <= gib * GIB) return;
  const turn = parts.training > parts.generation ? "training" : "generation";
  const atOnce: Part[] = ["weights", "optimizer", turn];
  const largest = atOnce.reduce((a, b) => parts[b] > parts[a] ? b : a);
  const title = rows.find(([part]) => part === largest)![1];
  throw new ArgumentError(
    `--memory ${gib}: ${phase} needs ${inUnits(peak)} at once, and ${
      inUnits(gib * GIB)
    } may be used. ` +
      `The largest part is "${title}", ${inUnits(parts[largest])}: ${advice[largest]}.`,
  );
}

function inUnits(bytes: number): string {
  const [size, unit] = bytes >= GIB ? [GIB, "GiB"] : [2 ** 20, "MiB"];
  return `${(bytes / size).toFixed(bytes >= 100 * size ? 0 : 1)} ${unit}`;
}
