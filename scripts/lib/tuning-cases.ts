// What of a model scripts/tune.ts measures: its products, each as a training step and as decoding ask for it,
// and its attention.
import type { Engine } from "../../engine/gpu/engine.ts";
import { baseOf, innerLayers } from "../../engine/nn/adapter.ts";
import { kernelHeads } from "../../engine/nn/decoder.ts";
import { architectureOf } from "../../engine/nn/families/index.ts";
import { headWeightName } from "../../engine/nn/head.ts";
import type { LinearLayer } from "../../engine/nn/lora.ts";
import type { Model } from "../../engine/nn/model.ts";
import {
  attention,
  attentionVariant,
  attentionVariants,
  type Heads,
  subgroupFits,
} from "../../engine/ops/attention.ts";
import { chunkRows, logitBytes } from "../../engine/ops/linear-logprob.ts";
import { launchMatmul } from "../../engine/ops/matmul.ts";
import type { Layout, Sizes } from "../../engine/ops/matmul-operands.ts";
import {
  fitsMatmulVariant,
  hasMatmulVariant,
  type MatmulVariant,
  matmulVariant,
  matmulVariants,
} from "../../engine/ops/matmul-variants.ts";
import {
  REDUCTION_CLASS,
  reductionConstants,
  reductionVariants,
  withReductions,
} from "../../engine/ops/row-reduction.ts";
import { softmax } from "../../engine/ops/softmax.ts";
import { attentionClass, productClass } from "../../engine/ops/tuning.ts";
import { rowBlocks } from "../../engine/tensor/row-blocks.ts";
import { type Shape, sizeOf, type Tensor } from "../../engine/tensor/tensor.ts";
import type { TuningCase } from "./tune.ts";

const DECODED_ROWS = [1, 16, 64];

/** A linear layer from `inputs` to `outputs` numbers, whose weight is stored [inputs, outputs] or the other way. */
export interface Layer extends Pick<LinearLayer, "inputs" | "outputs"> {
  inputFirst: boolean;
}

/** How much a training step works at: all its rows, and those of a sequence. */
export interface TuningLoad {
  rows: number;
  tokens: number;
}

/** Everything that is worth a choice for this model, each class of shapes once. */
export function modelCases(model: Model, { rows, tokens }: TuningLoad): TuningCase[] {
  const { config, parameters: { engine } } = model;
  const { inputFirst } = architectureOf(config);
  const layers = innerLayers(baseOf(model)).map((layer) => ({ ...layer, inputFirst }));
  const head = headBlocks(model);
  const headRows = chunkRows(rows, config.vocabulary, config.width, logitBytes(engine));
  const cases = [
    ...layers.flatMap((layer) => productCases(engine, rows, layer)),
    ...head.flatMap((block) => productCases(engine, headRows, block)),
    ...[...layers, ...head].flatMap((layer) =>
      DECODED_ROWS.map((decoded) => forwardCase(engine, decoded, layer))
    ),
    attentionCase(engine, kernelHeads(config), tokens),
    reductionCase(engine, headRows, config.vocabulary),
  ];
  return [...new Map(cases.map((one) => [one.name, one])).values()];
}

/** The output head, in blocks where it is too large for one binding. */
function headBlocks({ config, parameters }: Model): Layer[] {
  const blocks = rowBlocks(parameters.get(headWeightName(config)));
  return blocks.map(({ rows: { shape: [outputs, inputs] } }) => {
    return { outputs, inputs, inputFirst: false };
  });
}

/** The products of a linear layer over `rows` rows: itself and its two gradients. */
export function productCases(engine: Engine, rows: number, layer: Layer): TuningCase[] {
  const { inputs, outputs, inputFirst } = layer;
  const weight = inputFirst
    ? { rows: inputs, columns: outputs }
    : { rows: outputs, columns: inputs };
  return [
    forwardCase(engine, rows, layer),
    productCase(
      engine,
      { rows, columns: inputs, inner: outputs },
      { transposeB: inputFirst },
    ),
    productCase(engine, { ...weight, inner: rows }, { transposeA: true }),
  ];
}

/** The product of a linear layer over `rows` rows: in decoding, those of as many sequences. */
export function forwardCase(
  engine: Engine,
  rows: number,
  { inputs, outputs, inputFirst }: Layer,
): TuningCase {
  const sizes = { rows, columns: outputs, inner: inputs };
  return productCase(engine, sizes, { transposeB: !inputFirst });
}

function productCase(engine: Engine, sizes: Sizes, layout: Layout): TuningCase {
  const { rows, columns, inner } = sizes;
  const shapes = { a: [rows * inner], b: [inner * columns], out: [rows, columns] };
  return {
    name: productClass(sizes, layout),
    fallback: matmulVariant(engine, sizes, layout),
    variants: matmulVariants.filter((variant) =>
      hasMatmulVariant(engine.features, variant) && fitsMatmulVariant(variant, sizes, layout)
    ),
    largest: 4 * Math.max(...Object.values(shapes).map(sizeOf)),
    prepare(engine) {
      const a = numbers(engine, shapes.a), b = numbers(engine, shapes.b);
      return (variant) => {
        const out = engine.empty(shapes.out);
        launchMatmul({ a, b, out }, sizes, layout, variant as MatmulVariant);
        return out;
      };
    },
  };
}

/** Attention over sequences of `longest` rows, about 2,048 rows in all, with heads as the kernels take them. */
export function attentionCase(engine: Engine, heads: Heads, longest: number): TuningCase {
  const count = Math.max(1, Math.floor(2048 / longest)), rows = count * longest;
  const { headSize, keyHeads } = heads;
  return {
    name: attentionClass(headSize, longest),
    fallback: attentionVariant(engine, heads, longest),
    variants: attentionVariants.filter((variant) =>
      variant === "plain" || (engine.features.subgroups && subgroupFits(headSize))
    ),
    largest: 4 * rows * heads.heads * headSize,
    prepare(engine) {
      const [q, k, v] = [heads.heads, keyHeads, keyHeads].map((h) =>
        numbers(engine, [rows, h * headSize])
      );
      const offsets = engine.integers(Array.from({ length: count + 1 }, (_, b) => b * longest));
      const sequences = { offsets, count, longest };
      return (variant) =>
        attention(q, k, v, heads, sequences, variant as typeof attentionVariants[number]);
    },
  };
}

/** The kernels that reduce rows, by those of a softmax over the logits that are made at a time. */
export function reductionCase(engine: Engine, rows: number, columns: number): TuningCase {
  return {
    name: REDUCTION_CLASS,
    fallback: "SUBGROUPS" in reductionConstants(engine) ? "subgroup" : "workgroup",
    variants: reductionVariants.filter((variant) =>
      variant !== "subgroup" || engine.features.subgroups
    ),
    largest: 4 * rows * columns,
    prepare(engine) {
      const x = numbers(engine, [rows, columns]);
      return (variant) => withReductions(engine, variant, () => softmax(x));
    },
  };
}

function numbers(engine: Engine, shape: Shape): Tensor {
  return engine.tensor(Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(i)), shape);
}
