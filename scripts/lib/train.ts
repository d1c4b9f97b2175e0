import type { StepMetrics, Trainer } from "../../engine/rl/trainer.ts";
import { processOutput, progress } from "../host/progress.ts";
import type { RunFolder } from "../host/run-folder.ts";
import type { Metric } from "../report/types.ts";

export type Phase = Metric["phase"];

/**
 * Runs a trainer to its end, with a progress bar, metrics and checkpoints in the run folder. Where the folder
 * holds a checkpoint of this phase, goes on from there; what it computes then is the same to the bit.
 * `afterStep` is called before the first step and after each one; what it returns joins the step's metrics.
 * Returns the seconds spent in the steps, those before a stop included.
 */
export async function train(
  folder: RunFolder,
  phase: Phase,
  trainer: Trainer,
  checkpointEvery: number,
  afterStep: (step: number) => Promise<StepMetrics> = () => Promise.resolve({}),
  output = processOutput,
): Promise<number> {
  const saved = folder.latestCheckpoint(phase);
  if (saved) await trainer.load(saved.bytes);
  folder.truncateMetrics((metric) =>
    metric.phase !== phase || (saved !== null && metric.step <= trainer.step)
  );
  folder.truncateSamples(({ method, step = 0 }) =>
    method !== phase || (saved !== null && step <= trainer.step)
  );
  let seconds = saved ? secondsSoFar(folder, phase) : 0;
  const record = (metrics: StepMetrics) => {
    const rounded = Math.round(seconds * 100) / 100;
    folder.metric({ phase, step: trainer.step, seconds: rounded, ...metrics } as Metric);
  };
  if (!saved) record(await afterStep(0));
  const bar = progress(titles[phase], trainer.steps, "steps", output);
  bar.resume(trainer.step);
  try {
    while (trainer.step < trainer.steps) {
      const started = performance.now();
      const metrics = await trainer.advance();
      seconds += (performance.now() - started) / 1000;
      const more = await afterStep(trainer.step);
      record({ ...metrics, ...more });
      bar.advance(1, note({ ...metrics, ...more }));
      if (trainer.step % checkpointEvery === 0 || trainer.step === trainer.steps) {
        folder.saveCheckpoint(phase, trainer.step, await trainer.save());
      }
    }
  } finally {
    bar.done();
  }
  return seconds;
}

export const titles: Record<Phase, string> = {
  pretrain: "pretraining",
  sft: "SFT",
  reward: "reward model",
  dpo: "DPO",
  ppo: "PPO",
  drpo: "DR-PO",
};

function secondsSoFar(folder: RunFolder, phase: Phase): number {
  const metrics = folder.metrics().filter((metric) => metric.phase === phase);
  return Number(metrics.at(-1)?.["seconds"] ?? 0);
}

/** What is worth a look while a phase runs. */
function note(metrics: StepMetrics): string {
  const names = ["loss", "accuracy", "margin", "rolloutReward", "rolloutKl", "gold"];
  return names.filter((name) => typeof metrics[name] === "number")
    .map((name) =>
      `${name.replace("rollout", "").toLowerCase()} ${(metrics[name] as number).toFixed(3)}`
    )
    .join(", ");
}
