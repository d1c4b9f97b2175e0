import type { Engine } from "../gpu/engine.ts";
import { attention, attentionOfViews, type Heads } from "../ops/attention.ts";
import { decodeAttention, type LayerCache, newLayerCaches, storeInCache } from "../ops/cache.ts";
import { gatherRows } from "../ops/gather.ts";
import { type HeadView, resizeHeads, viewFused, viewHeads } from "../ops/heads.ts";
import { reshape } from "../ops/reshape.ts";
import { rmsNorm } from "../ops/rmsnorm.ts";
import { frequencyTable } from "../ops/rotary.ts";
import type { StepRows } from "../ops/row-launches.ts";
import type { RowProgram } from "../ops/row-program.ts";
import type { Parameters } from "../tensor/parameters.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ModelConfig } from "./architecture.ts";
import type { PackedBatch } from "./batch.ts";
import { embed, type Parts, partsOf, type Rotation, type Rows } from "./decoder-parts.ts";
import { headLogits } from "./head.ts";
import { rotaryFrequencies } from "./rope.ts";

// The one decoder of all families: what varies is said by `Architecture` and `ModelConfig`. Letters: N rows,
// C width, H query heads, Hk key heads, D head size, F MLP width, V vocabulary.

/** How the rows of one layer look at each other: all of a batch at once, or new rows against a cache. */
interface Attend {
  heads(layer: number, q: Tensor, k: Tensor, v: Tensor): Tensor;
  /** The same for heads that lie elsewhere, so that none need be copied out of fused rows. */
  views?(layer: number, q: HeadView, k: HeadView, v: HeadView): Tensor;
  /** Of the last layer's rows only these go on, u32 [G]: nobody looks at the others any more. */
  last?: Tensor;
}

/** `views` for heads in fused rows, and for those that have tensors of their own. */
function attendToViews({ headSize }: Heads, views: NonNullable<Attend["views"]>): Attend {
  return {
    heads(layer, ...tensors) {
      const [q, k, v] = tensors.map((x) => viewHeads(x, headSize));
      return views(layer, q, k, v);
    },
    views,
  };
}

/** Keys and values, and how the keys were turned. */
export interface DecoderCache extends Rotation {
  layers: readonly LayerCache[];
}

/** One new row per sequence, with its token, u32 [B]. */
export interface NewRows extends StepRows {
  tokens: Tensor;
  program?: RowProgram | null;
}

/** An empty cache for so many sequences of at most `capacity` tokens. */
export function newCache(
  config: ModelConfig,
  { engine }: Parameters,
  size: readonly [sequences: number, capacity: number],
): DecoderCache {
  const heads = kernelHeads(config);
  const layers = newLayerCaches(engine, config.layers, size, heads);
  return { layers, frequencies: rotaryTable(config, engine) };
}

/** Hidden states [N, C] of a packed batch, after the final norm. Differentiable. */
export function forward(config: ModelConfig, parameters: Parameters, batch: PackedBatch): Tensor {
  const heads = kernelHeads(config);
  const rows = { ...batch, frequencies: rotaryTable(config, parameters.engine) };
  const attend: Attend = parameters.engine.tape
    ? { heads: (_, q, k, v) => attention(q, k, v, heads, batch) }
    : attendToViews(heads, (_, ...views) => attentionOfViews(views, heads, batch)); // it records nothing
  return layers(config, parameters, rows, attend);
}

/** `forward` that fills a cache with the keys and values of all rows; it returns the last of each sequence, [B, C]. */
export function prefill(
  config: ModelConfig,
  parameters: Parameters,
  batch: PackedBatch,
  { layers: cache, frequencies }: DecoderCache,
): Tensor {
  const heads = kernelHeads(config);
  const last = parameters.engine.integers(batch.starts.slice(1).map((end) => end - 1));
  const views = (layer: number, q: HeadView, k: HeadView, v: HeadView) => {
    storeInCache(k, v, cache[layer], batch.sequences, batch.positions, heads);
    return attentionOfViews([q, k, v], heads, batch, layer === config.layers - 1);
  };
  const attend = { ...attendToViews(heads, views), last };
  return layers(config, parameters, { ...batch, frequencies }, attend);
}

/**
 * Logits [B, V] after one new row per sequence, whose keys and values join the cache. Where a program does that, they do
 * when the caller finishes it, draws with it (`sampleNext`) or begins the next step.
 */
export function decodeStep(
  config: ModelConfig,
  parameters: Parameters,
  rows: NewRows,
  { layers: cache, frequencies }: DecoderCache,
): Tensor {
  const heads = kernelHeads(config);
  rows.program?.begin(rows);
  const views = (layer: number, q: HeadView, k: HeadView, v: HeadView) => {
    const attended = rows.program?.attend(q, k, v, cache[layer], heads);
    if (attended) return attended;
    rows.program?.store(k, v, cache[layer], heads) ??
      storeInCache(k, v, cache[layer], rows.sequences, rows.positions, heads);
    return decodeAttention(q, cache[layer], rows.positions, heads);
  };
  const attend = attendToViews(heads, views);
  const hidden = layers(config, parameters, { ...rows, frequencies }, attend);
  return headLogits(config, parameters, hidden, rows.program);
}

/** Heads as the attention kernels take them: of a size that is a multiple of 4, padded with zeros. */
export function kernelHeads({ heads, keyValueHeads, headSize }: ModelConfig): Heads {
  const padded = Math.ceil(headSize / 4) * 4;
  return { heads, keyHeads: keyValueHeads, headSize: padded, scale: 1 / Math.sqrt(headSize) };
}

function rotaryTable({ rope, headSize }: ModelConfig, engine: Engine): Tensor | null {
  return rope && engine.integers(frequencyTable(rotaryFrequencies(rope, headSize)));
}

function layers(config: ModelConfig, parameters: Parameters, rows: Rows, attend: Attend): Tensor {
  const parts = partsOf(config, parameters, rows);
  const { architecture } = parts;
  let hidden = embed(parts, rows);
  for (let layer = 0; layer < config.layers; layer++) {
    const prefix = `${architecture.layers}.${layer}`;
    const x = parts.norm(`${prefix}.${architecture.attentionNorm}`, hidden);
    let mixed = mixRows(parts, layer, prefix, x, attend);
    if (attend.last && layer === config.layers - 1) {
      [mixed, hidden] = [gatherRows(mixed, attend.last), gatherRows(hidden, attend.last)];
    }
    const attended = parts.linear(`${prefix}.${architecture.attention.output}`, mixed, hidden);
    const y = parts.norm(
      `${prefix}.${architecture.mlpNorm}`,
      config.parallelResidual ? hidden : attended,
    );
    hidden = mlp(parts, prefix, y, attended);
  }
  return parts.norm(architecture.finalNorm, hidden);
}

/** Attention of one layer, before its output projection: [N, C] → [N, H·D]. */
function mixRows(
  parts: Parts,
  layer: number,
  prefix: string,
  x: Tensor,
  attend: Attend,
): Tensor {
  const { config, architecture, linear, keep } = parts, { heads, headSize } = config;
  const { input, headNorms } = architecture.attention;
  const padded = kernelHeads(config).headSize;
  const asTheyLie = !headNorms && !config.rope && headSize === padded;
  if (input.fused && attend.views && asTheyLie) {
    const fused = keep(() => linear(`${prefix}.${input.name}`, x));
    return attend.views(layer, ...viewFused(fused, heads, input.order));
  }
  const [q, k, v] = keep(() =>
    headsOfRows(parts, prefix, x).map((heads) => resizeHeads(heads, headSize, padded))
  );
  return resizeHeads(attend.heads(layer, q, k, v), padded, headSize);
}

/** Queries, keys and values of one layer, each in a tensor of its own, normalised and turned. */
function headsOfRows(
  { config, architecture, weight, linear, turn, split }: Parts,
  prefix: string,
  x: Tensor,
): [q: Tensor, k: Tensor, v: Tensor] {
  const { headSize, normEpsilon } = config, { input, headNorms } = architecture.attention;
  let [q, k, v] = input.fused
    ? split(linear(`${prefix}.${input.name}`, x), input.order)
    : [input.query, input.key, input.value].map((name) => linear(`${prefix}.${name}`, x));
  if (headNorms) {
    const norm = (heads: Tensor, name: string) => {
      const rows = reshape(heads, [heads.size / headSize, headSize]);
      return reshape(rmsNorm(rows, weight(`${prefix}.${name}`), normEpsilon), heads.shape);
    };
    [q, k] = [norm(q, headNorms.query), norm(k, headNorms.key)];
  }
  return [turn(q), turn(k), v];
}

function mlp(
  { architecture, linear, linearGelu, swiglu }: Parts,
  prefix: string,
  y: Tensor,
  residual: Tensor,
): Tensor {
  const { gate, up, down } = architecture.mlp;
  if (gate === null) return linear(`${prefix}.${down}`, linearGelu(`${prefix}.${up}`, y), residual);
  const raised = linear(`${prefix}.${up}`, y);
  return linear(`${prefix}.${down}`, swiglu(linear(`${prefix}.${gate}`, y), raised), residual);
}
