import type { FusedOrder } from "../ops/heads.ts";
import type { Rope } from "./rope.ts";

/** The `model_type` of Hugging Face's config.json. */
export type FamilyName = "gpt2" | "gpt_neox" | "llama" | "qwen2" | "qwen3";

/** Activations by their names in config.json; silu stands in gated MLPs, the others in plain ones. */
export type Activation = "silu" | "gelu" | "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh";

/** The shape of a decoder-only model, after Hugging Face's config.json. */
export interface ModelConfig {
  family: FamilyName;
  /** Rows of the embedding; at least the tokenizer's vocabulary. */
  vocabulary: number;
  /** Size of the residual stream. */
  width: number;
  layers: number;
  heads: number;
  /** Heads of keys and values; divides `heads`. */
  keyValueHeads: number;
  /** Size of one head. */
  headSize: number;
  mlpWidth: number;
  /** Longest sequence, in tokens. */
  context: number;
  activation: Activation;
  normEpsilon: number;
  /** Rotary positions; null where positions have learned embeddings. */
  rope: Rope | null;
  /** Whether attention and MLP of a layer read the same hidden states and are added together. */
  parallelResidual: boolean;
  /** Whether the output head is the embedding. */
  tied: boolean;
  /** Whether the attention's projections have biases. */
  attentionBias: boolean;
  /** Whether the MLP's projections have biases. */
  mlpBias: boolean;
  /** Each of them ends a text; the first is the one to append to training text. May be empty. */
  endTokens: number[];
  beginToken: number | null;
  padToken: number | null;
}

/**
 * What distinguishes the models of a family: which parts a layer is made of, and how the checkpoint names
 * them. Names of a layer's parts stand below `layers.<number>`.
 */
export interface Architecture {
  /** Weights of linear layers are stored [in, out], as GPT-2's Conv1D has them. */
  inputFirst: boolean;
  /** Root-mean-square norms, or layer norms with biases. */
  norm: "rms" | "layer";
  tokens: string;
  /** Table of learned positions. */
  positions: string | null;
  layers: string;
  attentionNorm: string;
  attention: Attention;
  mlpNorm: string;
  /** `gate` stands in gated MLPs alone. */
  mlp: { gate: string | null; up: string; down: string };
  finalNorm: string;
  /** The output head. Where it is tied to the embedding there is no weight of this name, but there may be an adapter. */
  head: string;
}

export interface Attention {
  /** Projections of their own for queries, keys and values, or one for all. */
  input:
    | { fused: false; query: string; key: string; value: string }
    | { fused: true; name: string; order: FusedOrder };
  inputBias: boolean;
  /** Norms of each head's queries and keys. */
  headNorms: { query: string; key: string } | null;
  output: string;
  outputBias: boolean;
}

/** A family of models: how it reads and writes config.json, and what its models are made of. */
export interface Family {
  name: FamilyName;
  /** Its class in transformers. */
  className: string;
  /** The `base_model_prefix` of transformers: old checkpoints leave it out. */
  prefix: string;
  /** Tensors of old checkpoints that are no weights: masks and frequencies, which are computed here. */
  buffers: RegExp;
  /** Names that transformers gives to weights in memory, to those in the checkpoint. */
  aliases: Readonly<Record<string, string>>;
  /** Throws where config.json is wrong or asks for what is not supported. */
  parse(json: unknown): ModelConfig;
  /** The fields that are the family's own. */
  toJson(config: ModelConfig): Record<string, unknown>;
  architecture(config: ModelConfig): Architecture;
}
