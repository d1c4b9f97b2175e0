// The language model of the works: GPT-2's architecture with 4 layers of width 128 and 4 heads, an MLP of 512,
// and 2048 tokens whose table is the output head too. All libraries get the same weights.
import type { Engine } from "../../engine/gpu/engine.ts";
import { parseConfig } from "../../engine/nn/config.ts";
import { newModel } from "../../engine/nn/initialize.ts";
import type { Model } from "../../engine/nn/model.ts";
import type { Shape } from "../../engine/tensor/tensor.ts";
import { tokenIds, type Training } from "./works.ts";

/** Sizes, and the settings of AdamW, which has no clipping here. */
export const gpt = {
  layers: 4,
  width: 128,
  heads: 4,
  mlpWidth: 512,
  vocabulary: 2048,
  context: 128,
  normEpsilon: 1e-5,
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.01,
} as const;

/** A weight under its name in a GPT-2 checkpoint; matrices are [in, out]. */
export interface Weight {
  name: string;
  shape: Shape;
  data: Float32Array;
}

export function newGpt(engine: Engine): Model {
  const config = parseConfig({
    model_type: "gpt2",
    vocab_size: gpt.vocabulary,
    n_positions: gpt.context,
    n_embd: gpt.width,
    n_layer: gpt.layers,
    n_head: gpt.heads,
    n_inner: gpt.mlpWidth,
    eos_token_id: 0,
    bos_token_id: 0,
  });
  return newModel(engine, config, 1);
}

export async function gptWeights(engine: Engine): Promise<Weight[]> {
  const { parameters } = newGpt(engine);
  const weights: Weight[] = [];
  for (const name of parameters.names) {
    const tensor = parameters.get(name);
    weights.push({ name, shape: tensor.shape, data: await tensor.read() });
  }
  parameters.release();
  return weights;
}

/**
 * What a training work reads and foretells, [B·T] each: every place's target is the token after it.
 */
export function gptTexts(
  { sequences, length }: Training,
): { inputs: Int32Array; targets: Int32Array } {
  const ids = tokenIds(sequences, length + 1, gpt.vocabulary);
  const part = (offset: number) =>
    Int32Array.from(
      { length: sequences * length },
      (_, i) => ids[Math.floor(i / length) * (length + 1) + i % length + offset],
    );
  return { inputs: part(0), targets: part(1) };
}

/** How many steps a check of training takes, from the weights it is given: its results are their losses. */
export const CHECKED_STEPS = 2;
