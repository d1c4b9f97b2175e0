import { logProbabilities, type Model, packPredictions } from "../nn/model.ts";
import { Tape } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type BatchMetrics, type BatchSettings, BatchTrainer } from "./batch-trainer.ts";
import { groupByTokens } from "./order.ts";

/** A prompt and the response to learn, as token ids; the response closes with its end token. */
export interface Demonstration {
  promptIds: readonly number[];
  responseIds: readonly number[];
}

/**
 * Supervised fine-tuning: the mean negative log-likelihood of the response tokens of a batch. The prompt is
 * read, never learnt.
 */
export class SupervisedTrainer extends BatchTrainer<BatchSettings> {
  /** Trains `model` in place. */
  constructor(model: Model, readonly data: readonly Demonstration[], settings: BatchSettings) {
    super("SFT", model, data.length, settings);
  }

  protected async accumulate(indices: readonly number[]): Promise<BatchMetrics> {
    const rows = indices.map((i) => this.data[i]);
    const count = rows.reduce((sum, { responseIds }) => sum + responseIds.length, 0);
    const parts = groupByTokens(rows.map(demonstrationTokens), this.settings.microTokens).map(
      ([start, end]) => this.#addGradients(rows.slice(start, end), count),
    );
    return { loss: -(await sumOf(parts)) / count, tokens: count };
  }

  /** Adds the gradients of one micro-batch; returns its log probabilities. */
  #addGradients(rows: readonly Demonstration[], count: number): Tensor {
    const { parameters } = this.model;
    const { engine } = parameters;
    return engine.scope(() => {
      const batch = packDemonstrations(this.model, rows);
      const tape = new Tape();
      parameters.watch(tape);
      const { logProb } = engine.record(tape, () => logProbabilities(this.model, batch));
      tape.backward(logProb, engine.tensor(new Float32Array(batch.predictions).fill(-1 / count)));
      return logProb;
    });
  }
}

export function demonstrationTokens({ promptIds, responseIds }: Demonstration): number {
  return promptIds.length + responseIds.length;
}

function packDemonstrations({ parameters }: Model, rows: readonly Demonstration[]) {
  const sequences = rows.map(({ promptIds, responseIds }) => [...promptIds, ...responseIds]);
  const ranges = rows.map((row) => [row.promptIds.length, demonstrationTokens(row)] as const);
  return packPredictions(parameters.engine, sequences, ranges);
}

async function sumOf(tensors: readonly Tensor[]): Promise<number> {
  let sum = 0;
  for (const tensor of tensors) {
    for (const value of await tensor.read()) sum += value;
    tensor.engine.release(tensor);
  }
  return sum;
}

/** Mean log probability per response token of held-out demonstrations, in nats. */
export async function meanLogProbability(
  model: Model,
  data: readonly Demonstration[],
  microTokens: number,
): Promise<number> {
  const { engine } = model.parameters;
  const parts = groupByTokens(data.map(demonstrationTokens), microTokens).map(([start, end]) =>
    engine.scope(() =>
      logProbabilities(model, packDemonstrations(model, data.slice(start, end))).logProb
    )
  );
  const count = data.reduce((sum, { responseIds }) => sum + responseIds.length, 0);
  return await sumOf(parts) / count;
}
