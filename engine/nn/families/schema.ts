import { z } from "zod";
import type { ModelConfig } from "../architecture.ts";
import { rotarySize } from "../rope.ts";

export const size = z.int().positive();
export const positive = z.number().positive();
const tokenId = z.int().nonnegative();
// Older Llama configs say "no padding token" by -1.
const padId = z.union([tokenId, z.literal(-1).transform(() => null)]);
export const endIds = z.union([tokenId, z.array(tokenId)]);

/** The special tokens, with the defaults of a family's class in transformers. */
export function tokenFields({ end, begin }: { end: number | null; begin: number | null }) {
  return {
    eos_token_id: endIds.nullable().default(end),
    bos_token_id: tokenId.nullable().default(begin),
    pad_token_id: padId.nullable().default(null),
  };
}

/** The special tokens in a model's config. */
export function tokensOf(
  fields: {
    eos_token_id: number | number[] | null;
    bos_token_id: number | null;
    pad_token_id: number | null;
  },
): Pick<ModelConfig, "endTokens" | "beginToken" | "padToken"> {
  return {
    endTokens: [fields.eos_token_id].flatMap((id) => id ?? []),
    beginToken: fields.bos_token_id,
    padToken: fields.pad_token_id,
  };
}

export function validate<T>(schema: z.ZodType<T>, json: unknown, file = "config.json"): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  throw new Error(`${file} is not valid: ${z.prettifyError(result.error)}`);
}

/** Refuses, by name, options whose other values would mean another computation than the one here. */
export function expectOptions(
  json: unknown,
  options: Readonly<Record<string, readonly unknown[]>>,
): void {
  const fields = validate(z.looseObject({}), json);
  for (const [name, supported] of Object.entries(options)) {
    const value = fields[name];
    if (value === undefined || supported.includes(value)) continue;
    const wanted = supported.map((one) => JSON.stringify(one)).join(" or ");
    throw new Error(
      `config.json: ${name} ${JSON.stringify(value)} is not supported, only ${wanted}`,
    );
  }
}

/** What models of other families compute, under the names that their configs give it, and when it does nothing. */
const foreign = {
  is_encoder_decoder: [false, null],
  rope_interleaved: [false, null],
  alibi: [false, null],
  use_qk_norm: [false, null],
  qk_layernorm: [false, null],
  clip_qkv: [null],
  logit_scale: [1, null],
  logits_scaling: [1, null],
  embedding_multiplier: [1, null],
  residual_multiplier: [1, null],
  attention_multiplier: [null],
  attn_logit_softcapping: [null],
  final_logit_softcapping: [null],
  num_experts: [0, 1, null],
  num_local_experts: [0, 1, null],
};

const layersSchema = z.looseObject({ layer_types: z.array(z.string()).nullish() });

/** Refuses, by name, what no family here computes: it would be left out in silence. */
export function refuseForeign(json: unknown): void {
  expectOptions(json, foreign);
  const other = validate(layersSchema, json).layer_types?.find((type) => type !== "full_attention");
  if (other === undefined) return;
  throw new Error(`config.json: layer type "${other}" is not supported, only "full_attention"`);
}

/** Throws where sizes do not fit together. */
export function checkSizes(config: ModelConfig): ModelConfig {
  const { heads, keyValueHeads, headSize, vocabulary, rope } = config;
  const refuse = (reason: string) => {
    throw new Error(`config.json: ${reason}`);
  };
  if (heads % keyValueHeads !== 0) {
    refuse(`${heads} attention heads are not a multiple of ${keyValueHeads} key-value heads`);
  }
  if (!Number.isInteger(headSize) || headSize > 256) {
    refuse(
      `the head size (head_dim, or width / heads) is ${headSize}, expected a whole number up to 256`,
    );
  }
  if (rope) rotarySize(rope, headSize);
  const { endTokens, beginToken, padToken } = config;
  for (const id of [...endTokens, beginToken, padToken]) {
    if (id !== null && id >= vocabulary) {
      refuse(`special token id ${id} lies outside the vocabulary of ${vocabulary}`);
    }
  }
  return config;
}
