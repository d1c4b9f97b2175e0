import { logProbabilities, type Model, packPredictions } from "../nn/model.ts";
import { gatherRows, scatterValues } from "../ops/gather.ts";
import { linear } from "../ops/matmul.ts";
import { dpoLoss } from "../ops/preference.ts";
import { reshape } from "../ops/reshape.ts";
import { Tape } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type BatchMetrics, type BatchSettings, BatchTrainer } from "./batch-trainer.ts";
import { groupByTokens } from "./order.ts";
import { marginOf, type ReferencedPair, withReference } from "./preference-margins.ts";
import { type Pair, pairTokens } from "./reward-model.ts";
import { average } from "./statistics.ts";

export interface DirectPreferenceSettings extends BatchSettings {
  /** Strength of the tie to the reference. */
  beta: number;
  /** `sigmoid` is DPO, `ipo` the squared loss of arXiv:2310.12036. */
  kind: "sigmoid" | "ipo";
  /** Share of pairs taken to be labelled the wrong way round; for `sigmoid` only. */
  labelSmoothing: number;
}

/**
 * Direct preference optimization (Rafailov et al. 2023, arXiv:2305.18290): a policy from preference pairs,
 * with neither a reward model nor rollouts.
 */
export class DirectPreferenceTrainer extends BatchTrainer<DirectPreferenceSettings> {
  /** By the index of a pair: the reference is asked once, when the pair is first met. */
  readonly #referenced = new Map<number, ReferencedPair>();

  /** Trains `model` in place; the reference stays as it is. */
  constructor(
    model: Model,
    readonly reference: Model,
    readonly pairs: readonly Pair[],
    settings: DirectPreferenceSettings,
  ) {
    super("DPO", model, pairs.length, settings);
  }

  protected async accumulate(indices: readonly number[]): Promise<BatchMetrics> {
    const pairs = await this.#referencedPairs(indices);
    const { loss, margins } = await directPreferenceGradients(this.model, pairs, this.settings);
    const accuracy = margins.filter((margin) => margin > 0).length / pairs.length;
    return { loss, accuracy, margin: average(margins) };
  }

  async #referencedPairs(indices: readonly number[]): Promise<ReferencedPair[]> {
    const fresh = [...new Set(indices)].filter((i) => !this.#referenced.has(i));
    const rows = fresh.map((i) => this.pairs[i]);
    const found = await withReference(this.reference, rows, this.settings.microTokens);
    found.forEach((pair, n) => this.#referenced.set(fresh[n], pair));
    return indices.map((i) => this.#referenced.get(i)!);
  }
}

/** Adds the gradients of the mean loss of `pairs`; the margins are those before the step. */
export async function directPreferenceGradients(
  model: Model,
  pairs: readonly ReferencedPair[],
  settings: Omit<DirectPreferenceSettings, keyof BatchSettings> & { microTokens: number },
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
  { beta, kind, labelSmoothing }: Omit<DirectPreferenceSettings, keyof BatchSettings>,
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
