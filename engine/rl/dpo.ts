import { logProbabilities, type Model, packPredictions } from "../nn/model.ts";
import { AdamW } from "../nn/optimizer.ts";
import { gatherRows, scatterValues } from "../ops/gather.ts";
import { linear } from "../ops/matmul.ts";
import { dpoLoss } from "../ops/preference.ts";
import { reshape } from "../ops/reshape.ts";
import { Tape } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { responseLogProbs } from "./evaluation.ts";
import { checkFinite, checkLoss } from "./gates.ts";
import { BatchOrder, groupByTokens } from "./order.ts";
import { type Pair, pairTokens } from "./reward-model.ts";
import { learningRate } from "./schedule.ts";
import type { SupervisedSettings } from "./sft.ts";
import {
  packState,
  type StepMetrics,
  type Trainer,
  trainingTensors,
  unpackState,
} from "./trainer.ts";

export interface DirectPreferenceSettings extends SupervisedSettings {
  /** Strength of the tie to the reference. */
  beta: number;
  /** `sigmoid` is DPO, `ipo` the squared loss of arXiv:2310.12036. */
  kind: "sigmoid" | "ipo";
  /** Share of pairs taken to be labelled the wrong way round; for `sigmoid` only. */
  labelSmoothing: number;
}

/** A pair with the log probabilities of its responses under the reference model, in nats. */
export interface ReferencedPair extends Pair {
  referenceChosen: number;
  referenceRejected: number;
}

/** Looks the reference up once: it does not change in training. */
export async function withReference(
  reference: Model,
  pairs: readonly Pair[],
  microTokens: number,
): Promise<ReferencedPair[]> {
  const [chosen, rejected] = await bothSides(reference, pairs, microTokens);
  return pairs.map((pair, i) => ({
    ...pair,
    referenceChosen: chosen[i],
    referenceRejected: rejected[i],
  }));
}

/**
 * How much more the policy has come to prefer the chosen response than the reference does, in nats: with β
 * before it the difference of DPO's implicit rewards. The label agrees where it is above 0.
 */
export async function preferenceMargins(
  policy: Model,
  pairs: readonly ReferencedPair[],
  microTokens: number,
): Promise<number[]> {
  const [chosen, rejected] = await bothSides(policy, pairs, microTokens);
  return pairs.map((pair, i) => marginOf(pair, chosen[i], rejected[i]));
}

function marginOf(pair: ReferencedPair, chosen: number, rejected: number): number {
  return chosen - pair.referenceChosen - (rejected - pair.referenceRejected);
}

async function bothSides(model: Model, pairs: readonly Pair[], microTokens: number) {
  const starts = pairs.map(({ promptIds }) => promptIds.length);
  const side = (ids: "chosenIds" | "rejectedIds") => {
    const sequences = pairs.map((pair) => [...pair.promptIds, ...pair[ids]]);
    return responseLogProbs(model, sequences, starts, 1, microTokens);
  };
  return [await side("chosenIds"), await side("rejectedIds")];
}

/**
 * Direct preference optimization (Rafailov et al. 2023, arXiv:2305.18290): a policy from preference pairs,
 * with neither a reward model nor rollouts.
 */
export class DirectPreferenceTrainer implements Trainer {
  step = 0;
  readonly steps: number;
  #optimizer: AdamW;
  #order: BatchOrder;

  /** Trains `model` in place. */
  constructor(
    readonly model: Model,
    readonly pairs: readonly ReferencedPair[],
    readonly settings: DirectPreferenceSettings,
  ) {
    this.steps = settings.steps;
    this.#optimizer = new AdamW(model.parameters, settings.optimizer);
    this.#order = new BatchOrder(pairs.length, settings.batchSize, settings.seed);
  }

  async advance(): Promise<StepMetrics> {
    const { settings, model } = this;
    const pairs = this.#order.indices(this.step).map((i) => this.pairs[i]);
    model.parameters.clearGradients();
    const { loss, margins } = await directPreferenceGradients(model, pairs, settings);
    const rate = learningRate(settings.schedule, this.step, this.steps);
    await checkLoss("DPO", this.step, { loss }, model.parameters);
    this.#optimizer.step(rate);
    const norm = await checkFinite("DPO", this.step, this.#optimizer);
    this.step++;
    return {
      loss,
      accuracy: margins.filter((margin) => margin > 0).length / pairs.length,
      margin: margins.reduce((sum, margin) => sum + margin, 0) / pairs.length,
      gradientNorm: norm,
      learningRate: rate,
    };
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

/** Adds the gradients of the mean loss of `pairs`; the margins are those before the step. */
export async function directPreferenceGradients(
  model: Model,
  pairs: readonly ReferencedPair[],
  settings: Omit<DirectPreferenceSettings, keyof SupervisedSettings> & { microTokens: number },
): Promise<{ loss: number; margins: number[] }> {
  const groups = groupByTokens(pairs.map(pairTokens), settings.microTokens)
    .map(([start, end]) => pairs.slice(start, end));
  const parts = groups.map((rows) => accumulate(model, rows, pairs.length, settings));
  let loss = 0;
  const margins: number[] = [];
  for (const [g, part] of parts.entries()) {
    loss += (await part.loss.read())[0];
    const [chosen, rejected] = [await part.chosen.read(), await part.rejected.read()];
    margins.push(...groups[g].map((pair, i) => marginOf(pair, chosen[i], rejected[i])));
    for (const tensor of Object.values(part)) tensor.engine.release(tensor);
  }
  return { loss, margins };
}

/** Adds the gradients of one micro-batch; `count` normalises. */
function accumulate(
  model: Model,
  pairs: readonly ReferencedPair[],
  count: number,
  { beta, kind, labelSmoothing }: Omit<DirectPreferenceSettings, keyof SupervisedSettings>,
): { loss: Tensor; chosen: Tensor; rejected: Tensor } {
  const { engine } = model.parameters;
  return engine.scope(() => {
    const tape = new Tape();
    model.parameters.watch(tape);
    return engine.record(tape, () => {
      const { chosen, rejected } = responseSums(model, pairs);
      const logProbs = {
        policyChosen: chosen,
        policyRejected: rejected,
        referenceChosen: engine.tensor(pairs.map(({ referenceChosen }) => referenceChosen)),
        referenceRejected: engine.tensor(pairs.map(({ referenceRejected }) => referenceRejected)),
      };
      const loss = dpoLoss(logProbs, { beta, kind, labelSmoothing, count });
      tape.backward(loss);
      return { loss, chosen, rejected };
    });
  });
}

/** Log probabilities [n] of both responses of n pairs, in one forward pass. Differentiable. */
function responseSums(model: Model, pairs: readonly Pair[]): { chosen: Tensor; rejected: Tensor } {
  const { engine } = model.parameters;
  const n = pairs.length;
  const responses = [
    ...pairs.map(({ chosenIds }) => chosenIds),
    ...pairs.map(({ rejectedIds }) => rejectedIds),
  ];
  const sequences = responses.map((ids, i) => [...pairs[i % n].promptIds, ...ids]);
  const ranges = sequences.map(({ length }, i) => [pairs[i % n].promptIds.length, length] as const);
  const { logProb } = logProbabilities(model, packPredictions(engine, sequences, ranges));
  // Row i of [2n, T] holds the tokens of response i; a product with ones adds them up.
  const width = Math.max(...responses.map(({ length }) => length));
  const places = responses.flatMap(({ length }, i) =>
    Array.from({ length }, (_, t) => i * width + t)
  );
  const rows = scatterValues(logProb, engine.integers(places), [2 * n, width]);
  const ones = engine.tensor(new Float32Array(width).fill(1), [1, width]);
  const sums = linear(rows, ones);
  const side = (from: number) => {
    const indices = Array.from({ length: n }, (_, i) => from + i);
    return reshape(gatherRows(sums, engine.integers(indices)), [n]);
  };
  return { chosen: side(0), rejected: side(n) };
}
