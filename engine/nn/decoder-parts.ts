// The parts that the decoder is put together from. Where a row program is given it does what it can of them.
import { embedding, invertTokens } from "../ops/embedding.ts";
import { type FusedOrder, splitHeads } from "../ops/heads.ts";
import { layerNorm } from "../ops/layernorm.ts";
import { rmsNorm } from "../ops/rmsnorm.ts";
import { rotary } from "../ops/rotary.ts";
import type { RowProgram } from "../ops/row-program.ts";
import { swiglu } from "../ops/swiglu.ts";
import type { Parameters } from "../tensor/parameters.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Architecture, ModelConfig } from "./architecture.ts";
import { expectVocabulary, type PackedBatch } from "./batch.ts";
import { architectureOf } from "./families/index.ts";
import { project } from "./project.ts";

/** What is decoded: a packed batch, or one new row per sequence. */
export type Rows = Pick<PackedBatch, "tokens" | "positions"> & Partial<PackedBatch> & Rotation & {
  /** Does what it can of a decoding step. */
  program?: RowProgram | null;
};

/** The table by which heads are turned, see `rotary`; null in models without rotary positions. */
export interface Rotation {
  frequencies: Tensor | null;
}

/** A layer's weights at hand, and how they are applied. */
export interface Parts {
  config: ModelConfig;
  architecture: Architecture;
  weight(name: string): Tensor;
  /** The linear layer of this name (+ residual). */
  linear(name: string, x: Tensor, residual?: Tensor): Tensor;
  /** `gelu` of the linear layer of this name, in the form that the model has. */
  linearGelu(name: string, x: Tensor): Tensor;
  /** The family's norm with the weights of this name. */
  norm(name: string, x: Tensor): Tensor;
  /** Turns heads to their positions, in models that have rotary ones. */
  turn(x: Tensor): Tensor;
  swiglu(gate: Tensor, up: Tensor): Tensor;
  /** Queries, keys and values of fused rows. */
  split(fused: Tensor, order: FusedOrder): [q: Tensor, k: Tensor, v: Tensor];
  /** Makes what later rows attend to. */
  keep<T>(body: () => T): T;
}

/** The parts of a model for these rows. */
export function partsOf(config: ModelConfig, parameters: Parameters, rows: Rows): Parts {
  const architecture = architectureOf(config);
  const { headSize, normEpsilon } = config, { frequencies, program } = rows;
  const { inputFirst } = architecture;
  const gelu = config.activation === "gelu" ? "erf" : "tanh";
  const weight = (name: string) => parameters.get(`${name}.weight`);
  return {
    config,
    architecture,
    weight,
    linear: (name, x, residual) => project(parameters, name, x, { residual, inputFirst, program }),
    linearGelu: (name, x) => project(parameters, name, x, { inputFirst, gelu, program }),
    norm: (name, x) => {
      if (architecture.norm === "rms") {
        return program?.rmsNorm(x, weight(name), normEpsilon) ??
          rmsNorm(x, weight(name), normEpsilon);
      }
      const bias = parameters.get(`${name}.bias`);
      return program?.layerNorm(x, weight(name), bias, normEpsilon) ??
        layerNorm(x, weight(name), bias, normEpsilon);
    },
    turn: (x) => {
      if (!frequencies) return x;
      const options = { headSize, frequencies };
      return program?.rotary(x, rows.positions, options) ?? rotary(x, rows.positions, options);
    },
    swiglu: (gate, up) => program?.swiglu(gate, up) ?? swiglu(gate, up),
    split: (fused, order) =>
      program?.split(fused, config.heads, order) ?? splitHeads(fused, config.heads, order),
    keep: (body) => program ? program.keep(body) : body(),
  };
}

/** The rows' first hidden states [N, C]: token embeddings, and those of positions in models that learnt them. */
export function embed({ config, architecture, weight }: Parts, rows: Rows): Tensor {
  const { tokens, positions } = architecture;
  if (rows.greatest) expectVocabulary(rows.greatest, config.vocabulary); // else the model drew them
  const { program } = rows;
  const hidden = program?.embedding(weight(tokens), rows.tokens) ??
    embedding(weight(tokens), rows.tokens, { index: rows.index });
  if (positions === null) return hidden;
  if (rows.longest !== undefined && rows.longest > config.context) {
    throw new RangeError(
      `a sequence has ${rows.longest} tokens, but this ${config.family} model knows ` +
        `${config.context} positions; shorten the texts`,
    );
  }
  const table = weight(positions), { engine } = table;
  const index = rows.placeOfRow && engine.tape?.tracks(table)
    ? invertTokens(engine, rows.placeOfRow)
    : undefined;
  return program?.embedding(table, rows.positions, hidden) ??
    embedding(table, rows.positions, { index, residual: hidden });
}
