import {
  attention,
  decodeAttention,
  type Heads,
  type LayerCache,
  storeInCache,
} from "../ops/attention.ts";
import { embedding, type TokenIndex } from "../ops/embedding.ts";
import { rmsNorm } from "../ops/rmsnorm.ts";
import { rotary } from "../ops/rotary.ts";
import { swiglu } from "../ops/swiglu.ts";
import type { Parameters } from "../tensor/parameters.ts";
import type { Shape, Tensor } from "../tensor/tensor.ts";
import type { PackedBatch } from "./batch.ts";
import type { ModelConfig } from "./config.ts";
import { project } from "./project.ts";

// The Llama architecture (Touvron et al. 2023, arXiv:2302.13971), with the names and layouts of Hugging
// Face's checkpoints. Letters: N rows, C width, H query heads, Hk key heads, D head size, F MLP width,
// V vocabulary.

/** How the rows of one layer look at each other: all of a batch at once, or new rows against a cache. */
type Attend = (layer: number, q: Tensor, k: Tensor, v: Tensor) => Tensor;

interface Rows {
  tokens: Tensor;
  positions: Tensor;
  index?: TokenIndex;
}

/** Names and shapes of all weights of the model, in the order in which they are stored. */
export function llamaParameters(config: ModelConfig): { name: string; shape: Shape }[] {
  const { vocabulary, width, mlpWidth, headSize, attentionBias, mlpBias } = config;
  const inner = config.heads * headSize, keyInner = config.keyValueHeads * headSize;
  const entries: { name: string; shape: Shape }[] = [];
  const add = (name: string, shape: Shape) => entries.push({ name, shape });
  const addLinear = (name: string, shape: readonly [number, number], bias: boolean) => {
    add(`${name}.weight`, shape);
    if (bias) add(`${name}.bias`, [shape[0]]);
  };
  add("model.embed_tokens.weight", [vocabulary, width]);
  for (let layer = 0; layer < config.layers; layer++) {
    const prefix = `model.layers.${layer}`;
    add(`${prefix}.input_layernorm.weight`, [width]);
    addLinear(`${prefix}.self_attn.q_proj`, [inner, width], attentionBias);
    addLinear(`${prefix}.self_attn.k_proj`, [keyInner, width], attentionBias);
    addLinear(`${prefix}.self_attn.v_proj`, [keyInner, width], attentionBias);
    addLinear(`${prefix}.self_attn.o_proj`, [width, inner], attentionBias);
    add(`${prefix}.post_attention_layernorm.weight`, [width]);
    addLinear(`${prefix}.mlp.gate_proj`, [mlpWidth, width], mlpBias);
    addLinear(`${prefix}.mlp.up_proj`, [mlpWidth, width], mlpBias);
    addLinear(`${prefix}.mlp.down_proj`, [width, mlpWidth], mlpBias);
  }
  add("model.norm.weight", [width]);
  if (!config.tied) add("lm_head.weight", [vocabulary, width]);
  return entries;
}

/** The matrix [V, C] that turns hidden states into logits. */
export function headWeight(config: ModelConfig, parameters: Parameters): Tensor {
  return parameters.get(config.tied ? "model.embed_tokens.weight" : "lm_head.weight");
}

/** Hidden states [N, C] of a packed batch, after the final norm. Differentiable. */
export function forward(config: ModelConfig, parameters: Parameters, batch: PackedBatch): Tensor {
  const heads = headsOf(config);
  return layers(config, parameters, batch, (_, q, k, v) => attention(q, k, v, heads, batch));
}

/** `forward` that also fills a cache with the keys and values of all rows. */
export function prefill(
  config: ModelConfig,
  parameters: Parameters,
  batch: PackedBatch,
  cache: readonly LayerCache[],
): Tensor {
  const heads = headsOf(config);
  return layers(config, parameters, batch, (layer, q, k, v) => {
    storeInCache(k, v, cache[layer], batch.sequences, batch.positions);
    return attention(q, k, v, heads, batch);
  });
}

/** Hidden states [B, C] of one new row per sequence, whose keys and values join the cache. */
export function decodeStep(
  config: ModelConfig,
  parameters: Parameters,
  rows: { tokens: Tensor; positions: Tensor; sequences: Tensor },
  cache: readonly LayerCache[],
): Tensor {
  const heads = headsOf(config);
  return layers(config, parameters, rows, (layer, q, k, v) => {
    storeInCache(k, v, cache[layer], rows.sequences, rows.positions);
    return decodeAttention(q, cache[layer], rows.positions, heads);
  });
}

function headsOf({ heads, keyValueHeads, headSize }: ModelConfig): Heads {
  return { heads, keyHeads: keyValueHeads, headSize };
}

function layers(config: ModelConfig, parameters: Parameters, rows: Rows, attend: Attend): Tensor {
  const { normEpsilon } = config;
  const weight = (name: string) => parameters.get(`${name}.weight`);
  const linear = (name: string, x: Tensor, residual?: Tensor) =>
    project(parameters, name, x, { residual });
  const rope = { headSize: config.headSize, theta: config.ropeTheta };

  let hidden = embedding(weight("model.embed_tokens"), rows.tokens, rows.index);
  for (let layer = 0; layer < config.layers; layer++) {
    const prefix = `model.layers.${layer}`;
    const x = rmsNorm(hidden, weight(`${prefix}.input_layernorm`), normEpsilon);
    const q = rotary(linear(`${prefix}.self_attn.q_proj`, x), rows.positions, rope);
    const k = rotary(linear(`${prefix}.self_attn.k_proj`, x), rows.positions, rope);
    const v = linear(`${prefix}.self_attn.v_proj`, x);
    hidden = linear(`${prefix}.self_attn.o_proj`, attend(layer, q, k, v), hidden);

    const y = rmsNorm(hidden, weight(`${prefix}.post_attention_layernorm`), normEpsilon);
    const gated = swiglu(
      linear(`${prefix}.mlp.gate_proj`, y),
      linear(`${prefix}.mlp.up_proj`, y),
    );
    hidden = linear(`${prefix}.mlp.down_proj`, gated, hidden);
  }
  return rmsNorm(hidden, weight("model.norm"), normEpsilon);
}
