import { packBatch } from "../nn/batch.ts";
import { forward } from "../nn/decoder.ts";
import {
  copyModel,
  type Model,
  SCORE_BIAS,
  SCORE_WEIGHT,
  scoreHead,
  sequenceScores,
} from "../nn/model.ts";
import { gatherRows } from "../ops/gather.ts";
import { bradleyTerry } from "../ops/preference.ts";
import { seededRandom } from "../ops/seeded-random.ts";
import { standardNormal } from "../ops/threefry.ts";
import { Tape } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type BatchMetrics, type BatchSettings, BatchTrainer } from "./batch-trainer.ts";
import { groupByTokens } from "./order.ts";
import { average } from "./statistics.ts";

/** A preference pair as token ids; both responses close with their end token where they ended. */
export interface Pair {
  promptIds: readonly number[];
  chosenIds: readonly number[];
  rejectedIds: readonly number[];
}

/**
 * A reward model on the trunk of `model`: a copy of its weights with a scalar head whose weights are drawn
 * from N(0, 1/(width + 1)) (Stiennon et al. 2020) and whose bias is 0.
 */
export function newRewardModel(model: Model, seed: number): Model {
  const reward = copyModel(model, { score: true });
  const { engine } = reward.parameters;
  const random = seededRandom(seed);
  const scale = 1 / Math.sqrt(model.config.width + 1);
  const normal = () => standardNormal(1 - random(), random());
  const weight = Float32Array.from({ length: model.config.width }, () => scale * normal());
  engine.write(reward.parameters.get(SCORE_WEIGHT), weight);
  engine.clear(reward.parameters.get(SCORE_BIAS));
  return reward;
}

export interface RewardSettings extends BatchSettings {
  /** Pulls scores towards 0: adds so much times (chosen + rejected)² to a pair's loss. */
  centering: number;
}

/** Bradley–Terry training: −log σ(score(chosen) − score(rejected)), read at the last real token. */
export class RewardTrainer extends BatchTrainer<RewardSettings> {
  /** Trains `model` in place. */
  constructor(model: Model, readonly pairs: readonly Pair[], settings: RewardSettings) {
    super("reward model", model, pairs.length, settings);
  }

  protected async accumulate(indices: readonly number[]): Promise<BatchMetrics> {
    const pairs = indices.map((i) => this.pairs[i]);
    const parts = groupByTokens(pairs.map(pairTokens), this.settings.microTokens).map(
      ([start, end]) => this.#addGradients(pairs.slice(start, end), pairs.length),
    );
    let loss = 0, right = 0;
    for (const part of parts) {
      loss += (await part.loss.read())[0];
      const [chosen, rejected] = [await part.chosen.read(), await part.rejected.read()];
      right += chosen.filter((score, i) => score > rejected[i]).length;
      for (const tensor of Object.values(part)) tensor.engine.release(tensor);
    }
    return { loss, accuracy: right / pairs.length };
  }

  /** Adds the gradients of one micro-batch of `count` pairs in all. */
  #addGradients(
    pairs: readonly Pair[],
    count: number,
  ): { loss: Tensor; chosen: Tensor; rejected: Tensor } {
    const { model, settings: { centering } } = this;
    const { engine } = model.parameters;
    return engine.scope(() => {
      const tape = new Tape();
      model.parameters.watch(tape);
      return engine.record(tape, () => {
        const { chosen, rejected } = pairScores(model, pairs);
        const loss = bradleyTerry(chosen, rejected, { centering, count });
        tape.backward(loss);
        return { loss, chosen, rejected };
      });
    });
  }
}

/** Tokens of both sides of a pair. */
export function pairTokens({ promptIds, chosenIds, rejectedIds }: Pair): number {
  return 2 * promptIds.length + chosenIds.length + rejectedIds.length;
}

/** Scores [n] of both sides of each pair, in one forward pass. */
function pairScores(model: Model, pairs: readonly Pair[]): { chosen: Tensor; rejected: Tensor } {
  const { engine } = model.parameters;
  const batch = packBatch(engine, [
    ...pairs.map(({ promptIds, chosenIds }) => [...promptIds, ...chosenIds]),
    ...pairs.map(({ promptIds, rejectedIds }) => [...promptIds, ...rejectedIds]),
  ]);
  const hidden = forward(model.config, model.parameters, batch);
  const last = batch.starts.slice(1).map((end) => end - 1);
  const side = (rows: number[]) => scoreHead(model, gatherRows(hidden, engine.integers(rows)));
  return { chosen: side(last.slice(0, pairs.length)), rejected: side(last.slice(pairs.length)) };
}

/** Is told how many more sequences or prompts are done. */
export type OnDone = (count: number) => void;

/** Scores of whole sequences of token ids. */
export async function scoreSequences(
  model: Model,
  sequences: readonly (readonly number[])[],
  microTokens: number,
  onDone: OnDone = () => {},
): Promise<number[]> {
  const { engine } = model.parameters;
  const scores: number[] = [];
  for (const [start, end] of groupByTokens(sequences.map(({ length }) => length), microTokens)) {
    const part = engine.scope(() =>
      sequenceScores(model, packBatch(engine, sequences.slice(start, end)))
    );
    scores.push(...await part.read());
    engine.release(part);
    onDone(end - start);
  }
  return scores;
}

/**
 * Which held-out pairs the model ranks as the label says: 1, 0, or ½ for equal scores. `onDone` counts
 * sequences: two a pair.
 */
export async function rankPairs(
  model: Model,
  pairs: readonly Pair[],
  microTokens: number,
  onDone?: OnDone,
): Promise<number[]> {
  const side = (ids: "chosenIds" | "rejectedIds") => {
    const sequences = pairs.map((pair) => [...pair.promptIds, ...pair[ids]]);
    return scoreSequences(model, sequences, microTokens, onDone);
  };
  const [chosen, rejected] = [await side("chosenIds"), await side("rejectedIds")];
  return chosen.map((score, i) => (Math.sign(score - rejected[i]) + 1) / 2);
}

/** The label of "the longer response wins" on the same pairs: what a reward model must beat. */
export function rankByLength(pairs: readonly Pair[]): number[] {
  return pairs.map(({ chosenIds, rejectedIds }) =>
    (Math.sign(chosenIds.length - rejectedIds.length) + 1) / 2
  );
}

/** Shifts the scores so that these sequences average 0. */
export async function centreScores(
  model: Model,
  references: readonly (readonly number[])[],
  microTokens: number,
  onDone?: OnDone,
): Promise<number> {
  const scores = await scoreSequences(model, references, microTokens, onDone);
  const mean = average(scores);
  const bias = model.parameters.get(SCORE_BIAS);
  const [before] = await bias.read();
  bias.engine.write(bias, Float32Array.of(before - mean));
  return mean;
}
