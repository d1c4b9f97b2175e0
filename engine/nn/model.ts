import type { Engine } from "../gpu/engine.ts";
import { gatherRows } from "../ops/gather.ts";
import type { LogProbabilities } from "../ops/linear-logprob.ts";
import { linear } from "../ops/matmul.ts";
import { reshape } from "../ops/reshape.ts";
import type { Parameters } from "../tensor/parameters.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { packBatch, type PackedBatch } from "./batch.ts";
import type { Folder } from "./bytes.ts";
import {
  readWeights,
  SCORE_BIAS,
  SCORE_WEIGHT,
  scoreEntries,
  type WeightOptions,
} from "./checkpoint.ts";
import { configToJson, loadConfig, type ModelConfig } from "./config.ts";
import { forward } from "./decoder.ts";
import { headLogits, headLogProbabilities } from "./head.ts";
import { layoutSafetensors } from "./safetensors.ts";
import { openWeights } from "./weights.ts";

export { SCORE_BIAS, SCORE_WEIGHT } from "./checkpoint.ts";

/** A config and a set of weights. The model itself is a function of both: `forward(config, parameters, batch)`. */
export interface Model {
  config: ModelConfig;
  parameters: Parameters;
}

/**
 * Loads a Hugging Face model folder; weights that are not trainable hold no gradients and moments, and may be
 * stored as f16. Throws, naming it, where a tensor is missing, left over, of another shape than the config says, or
 * beyond f16.
 */
export async function loadModel(
  engine: Engine,
  folder: Folder,
  options: WeightOptions = {},
): Promise<Model> {
  const config = await loadConfig(folder);
  const file = await openWeights(folder);
  return { config, parameters: await readWeights(engine, file, config, options) };
}

/**
 * A copy of the weights, in storage of its own; a scalar head asked for and not there starts at 0. The copy of
 * an adapter stands on the same base.
 */
export function copyModel(
  { config, parameters }: Model,
  { trainable = true, score = parameters.has(SCORE_WEIGHT) } = {},
): Model {
  const heads = scoreEntries(config);
  const trunk = parameters.entries.filter(({ name }) => !heads.some((head) => head.name === name));
  const copy = parameters.another([...trunk, ...score ? heads : []], trainable);
  for (const name of copy.names) {
    if (parameters.has(name)) parameters.engine.copy(parameters.get(name), copy.get(name));
  }
  return { config, parameters: copy };
}

/** The files of a Hugging Face model folder that hold these weights as they are. Throws on an adapter's. */
export async function modelFiles({ config, parameters }: Model): Promise<Map<string, Uint8Array>> {
  if (parameters.base) {
    throw new Error(
      "these weights stand on a base: save their adapter (adapterFiles), or merge them first (mergeAdapter)",
    );
  }
  const entries = parameters.entries.map(({ name, shape, dtype }) => ({
    name,
    shape,
    dtype: dtype === "f16" ? "F16" as const : "F32" as const,
  }));
  const { file, fill } = layoutSafetensors(entries, { format: "pt" });
  for (const name of parameters.names) fill(name, await parameters.get(name).read());
  const json = JSON.stringify(configToJson(config), null, 2) + "\n";
  return new Map([
    ["config.json", new TextEncoder().encode(json)],
    ["model.safetensors", file],
  ]);
}

/** Logits [N, V] of a packed batch: for checks and tests; training never holds so much. */
export function logits({ config, parameters }: Model, batch: PackedBatch): Tensor {
  return headLogits(config, parameters, forward(config, parameters, batch));
}

/** Which tokens of each sequence are asked for: those at places start … end−1, 1 ≤ start. */
export type TokenRange = readonly [start: number, end: number];

/**
 * A packed batch with the places whose tokens are asked for. The one shift of the house happens here: the
 * hidden state that predicts a token stands one row to its left.
 */
export interface PredictionBatch extends PackedBatch {
  /** Rows whose hidden states predict the tokens asked for, u32 [G]. */
  predictors: Tensor;
  /** Those tokens, u32 [G]. */
  targets: Tensor;
  /** G. */
  predictions: number;
}

export function packPredictions(
  engine: Engine,
  sequences: readonly ArrayLike<number>[],
  ranges: readonly TokenRange[],
): PredictionBatch {
  const batch = packBatch(engine, sequences);
  const rows: number[] = [], targets: number[] = [];
  for (const [b, [start, end]] of ranges.entries()) {
    if (start < 1 || end > sequences[b].length) {
      throw new RangeError(
        `tokens ${start} … ${end - 1} of sequence ${b}, which has ${
          sequences[b].length
        }, cannot all be predicted`,
      );
    }
    for (let t = start; t < end; t++) {
      rows.push(batch.starts[b] + t - 1);
      targets.push(sequences[b][t]);
    }
  }
  const predictors = engine.integers(rows);
  return { ...batch, predictors, targets: engine.integers(targets), predictions: rows.length };
}

/** Hidden states [G, C] that predict the tokens asked for. Differentiable. */
export function predictorStates({ config, parameters }: Model, batch: PredictionBatch): Tensor {
  return gatherRows(forward(config, parameters, batch), batch.predictors);
}

/** Log probabilities [G] of the tokens asked for, with entropies. Differentiable. */
export function logProbabilities(
  model: Model,
  batch: PredictionBatch,
  temperature = 1,
): LogProbabilities {
  const { config, parameters } = model;
  const states = predictorStates(model, batch);
  return headLogProbabilities(config, parameters, states, batch.targets, temperature);
}

/** The scalar head: [G, C] → [G]. */
export function scoreHead({ parameters }: Model, hidden: Tensor): Tensor {
  const scores = linear(hidden, parameters.get(SCORE_WEIGHT), { bias: parameters.get(SCORE_BIAS) });
  return reshape(scores, [hidden.shape[0]]);
}

/** Scores [B] of whole sequences, read at the last token of each (Ouyang et al. 2022). Differentiable. */
export function sequenceScores(model: Model, batch: PackedBatch): Tensor {
  const { config, parameters } = model;
  const last = parameters.engine.integers(batch.starts.slice(1).map((end) => end - 1));
  return scoreHead(model, gatherRows(forward(config, parameters, batch), last));
}
