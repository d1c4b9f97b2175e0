import type { Model } from "../nn/model.ts";
import { AdamW, type AdamWSettings } from "../nn/optimizer.ts";
import { checkFinite, checkLoss } from "./gates.ts";
import { BatchOrder } from "./order.ts";
import { learningRate, type Schedule } from "./schedule.ts";
import {
  packState,
  type StepMetrics,
  type Trainer,
  trainingTensors,
  unpackState,
} from "./trainer.ts";

export interface BatchSettings {
  steps: number;
  batchSize: number;
  schedule: Schedule;
  optimizer: AdamWSettings;
  /** Tokens of one micro-batch. */
  microTokens: number;
  seed: number;
}

/** The mean loss of a batch, and what else is worth knowing about it. */
export type BatchMetrics = StepMetrics & { loss: number };

/**
 * Trains a model in place, batch by batch in a seeded order: what fine-tuning, the reward model and DPO have in
 * common. They differ in the loss, whose gradients `accumulate` adds.
 */
export abstract class BatchTrainer<Settings extends BatchSettings> implements Trainer {
  step = 0;
  readonly steps: number;
  readonly #optimizer: AdamW;
  readonly #order: BatchOrder;

  /**
   * @param name what errors call it
   * @param rows how many there are to train on
   */
  constructor(
    readonly name: string,
    readonly model: Model,
    rows: number,
    readonly settings: Settings,
  ) {
    this.steps = settings.steps;
    this.#optimizer = new AdamW(model.parameters, settings.optimizer);
    this.#order = new BatchOrder(rows, settings.batchSize, settings.seed);
  }

  /** Adds the gradients of the mean loss of the rows with these indices. */
  protected abstract accumulate(indices: readonly number[]): Promise<BatchMetrics>;

  async advance(): Promise<StepMetrics> {
    const { name, model: { parameters }, settings } = this;
    parameters.clearGradients();
    const metrics = await this.accumulate(this.#order.indices(this.step));
    const rate = learningRate(settings.schedule, this.step, this.steps);
    await checkLoss(name, this.step, { loss: metrics.loss }, parameters);
    this.#optimizer.step(rate);
    const norm = await checkFinite(name, this.step, this.#optimizer);
    this.step++;
    return { ...metrics, gradientNorm: norm, learningRate: rate };
  }

  save(): Promise<Uint8Array> {
    return packState(trainingTensors("model", this.#optimizer), { step: this.step });
  }

  async load(state: Uint8Array): Promise<void> {
    const tensors = trainingTensors("model", this.#optimizer);
    this.step = (await unpackState<{ step: number }>(tensors, state)).step;
  }
}
