import { logProbabilities, type Model, packPredictions } from "../nn/model.ts";
import { AdamW, type AdamWSettings } from "../nn/optimizer.ts";
import { Tape } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkFinite, checkLoss } from "./gates.ts";
import { BatchOrder, groupByTokens } from "./order.ts";
import { learningRate, type Schedule } from "./schedule.ts";
import {
  packState,
  type StepMetrics,
  type Trainer,
  trainingTensors,
  unpackState,
} from "./trainer.ts";

/** A prompt and the response to learn, as token ids; the response closes with its end token. */
export interface Demonstration {
  promptIds: readonly number[];
  responseIds: readonly number[];
}

export interface SupervisedSettings {
  steps: number;
  batchSize: number;
  schedule: Schedule;
  optimizer: AdamWSettings;
  /** Tokens of one micro-batch. */
  microTokens: number;
  seed: number;
}

/**
 * Supervised fine-tuning: the mean negative log-likelihood of the response tokens of a batch. The prompt is
 * read, never learnt.
 */
export class SupervisedTrainer implements Trainer {
  step = 0;
  readonly steps: number;
  #optimizer: AdamW;
  #order: BatchOrder;

  /** Trains `model` in place. */
  constructor(
    readonly model: Model,
    readonly data: readonly Demonstration[],
    readonly settings: SupervisedSettings,
  ) {
    this.steps = settings.steps;
    this.#optimizer = new AdamW(model.parameters, settings.optimizer);
    this.#order = new BatchOrder(data.length, settings.batchSize, settings.seed);
  }

  async advance(): Promise<StepMetrics> {
    const { settings, model } = this;
    const rows = this.#order.indices(this.step).map((i) => this.data[i]);
    const count = rows.reduce((sum, { responseIds }) => sum + responseIds.length, 0);
    model.parameters.clearGradients();
    const sums: Tensor[] = [];
    for (const [start, end] of groupByTokens(rows.map(demonstrationTokens), settings.microTokens)) {
      sums.push(this.#accumulate(rows.slice(start, end), count));
    }
    const rate = learningRate(settings.schedule, this.step, this.steps);
    const loss = -(await sumOf(sums)) / count;
    await checkLoss("SFT", this.step, { loss }, model.parameters);
    this.#optimizer.step(rate);
    const norm = await checkFinite("SFT", this.step, this.#optimizer);
    this.step++;
    return { loss, gradientNorm: norm, learningRate: rate, tokens: count };
  }

  /** Adds the gradients of one micro-batch; returns its log probabilities. */
  #accumulate(rows: readonly Demonstration[], count: number): Tensor {
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

  save(): Promise<Uint8Array> {
    return packState(trainingTensors("model", this.#optimizer), { step: this.step });
  }

  async load(state: Uint8Array): Promise<void> {
    const counters = await unpackState<{ step: number }>(
      trainingTensors("model", this.#optimizer),
      state,
    );
    this.step = counters.step;
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
