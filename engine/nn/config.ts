import { z } from "zod";
import { type Folder, readJson } from "./bytes.ts";

/** The shape of a Llama-architecture model, after Hugging Face's config.json. */
export interface ModelConfig {
  family: "llama";
  /** Rows of the embedding; at least the tokenizer's vocabulary. */
  vocabulary: number;
  /** Size of the residual stream. */
  width: number;
  layers: number;
  heads: number;
  /** Heads of keys and values; divides `heads`. */
  keyValueHeads: number;
  /** Size of one head; even, for rotary positions turn pairs. */
  headSize: number;
  mlpWidth: number;
  /** Longest sequence, in tokens. */
  context: number;
  normEpsilon: number;
  ropeTheta: number;
  /** Whether the output head is the embedding. */
  tied: boolean;
  /** Whether the query, key, value and output projections have biases. */
  attentionBias: boolean;
  /** Whether the gate, up and down projections have biases. */
  mlpBias: boolean;
  /** Each of them ends a text; the first is the one to append to training text. May be empty. */
  endTokens: number[];
  beginToken: number | null;
  padToken: number | null;
}

const size = z.int().positive();
const tokenId = z.int().nonnegative();
// Older Llama configs say "no padding token" by -1.
const padId = z.union([tokenId, z.literal(-1).transform(() => null)]);
const endIds = z.union([tokenId, z.array(tokenId)]);
const rope = z.looseObject({
  rope_theta: z.number().positive().optional(),
  rope_type: z.string().optional(),
  type: z.string().optional(), // the name of rope_type before transformers 4.43
});

/** What is absent takes the default that transformers' LlamaConfig gives it. */
const llamaSchema = z.object({
  vocab_size: size,
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  num_key_value_heads: size.nullish(),
  head_dim: size.nullish(),
  max_position_embeddings: size.default(2048),
  rms_norm_eps: z.number().positive().default(1e-6),
  hidden_act: z.literal("silu").default("silu"),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  rope_theta: z.number().positive().nullish(), // transformers 4
  rope_scaling: rope.nullish(), // transformers 4
  rope_parameters: rope.nullish(), // transformers 5
  eos_token_id: endIds.nullable().default(2),
  bos_token_id: tokenId.nullable().default(1),
  pad_token_id: padId.nullable().default(null),
});

const generationSchema = z.object({ eos_token_id: endIds.nullish() });

/** Reads config.json and, where there is one, generation_config.json of a model folder. */
export async function loadConfig(folder: Folder): Promise<ModelConfig> {
  const files = await folder.list();
  const generation = files.includes("generation_config.json")
    ? await readJson(folder, "generation_config.json")
    : undefined;
  try {
    return parseConfig(await readJson(folder, "config.json"), generation);
  } catch (error) {
    throw new Error(`Cannot use ${folder.name}: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Reads the contents of config.json and, where there is one, generation_config.json, in the forms
 * of transformers 4 and 5. Throws on what is missing or wrong, and names what is not supported.
 */
export function parseConfig(json: unknown, generationJson: unknown = {}): ModelConfig {
  refuseUnsupported(json);
  const llama = validate(llamaSchema, json, "config.json");
  const generation = validate(generationSchema, generationJson, "generation_config.json");
  const positions = { ...llama.rope_scaling, ...llama.rope_parameters };
  const ropeType = positions.rope_type ?? positions.type ?? "default";
  if (ropeType !== "default") {
    throw new Error(`config.json: rope type "${ropeType}" is not supported, only "default"`);
  }
  const config: ModelConfig = {
    family: "llama",
    vocabulary: llama.vocab_size,
    width: llama.hidden_size,
    layers: llama.num_hidden_layers,
    heads: llama.num_attention_heads,
    keyValueHeads: llama.num_key_value_heads ?? llama.num_attention_heads,
    headSize: llama.head_dim ?? llama.hidden_size / llama.num_attention_heads,
    mlpWidth: llama.intermediate_size,
    context: llama.max_position_embeddings,
    normEpsilon: llama.rms_norm_eps,
    ropeTheta: positions.rope_theta ?? llama.rope_theta ?? 10_000,
    tied: llama.tie_word_embeddings,
    attentionBias: llama.attention_bias,
    mlpBias: llama.mlp_bias,
    endTokens: [
      ...new Set([llama.eos_token_id, generation.eos_token_id].flatMap((id) => id ?? [])),
    ],
    beginToken: llama.bos_token_id,
    padToken: llama.pad_token_id,
  };
  checkSizes(config);
  return config;
}

/** The contents of a config.json that transformers 4 and 5 load. The weights are taken to be f32. */
export function configToJson(config: ModelConfig): Record<string, unknown> {
  const { endTokens } = config;
  return {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    vocab_size: config.vocabulary,
    hidden_size: config.width,
    intermediate_size: config.mlpWidth,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.keyValueHeads,
    head_dim: config.headSize,
    max_position_embeddings: config.context,
    rms_norm_eps: config.normEpsilon,
    hidden_act: "silu",
    tie_word_embeddings: config.tied,
    attention_bias: config.attentionBias,
    mlp_bias: config.mlpBias,
    rope_theta: config.ropeTheta, // transformers 4
    rope_parameters: { rope_theta: config.ropeTheta, rope_type: "default" }, // transformers 5
    torch_dtype: "float32", // read by both
    eos_token_id: endTokens.length === 0 ? null : endTokens.length === 1 ? endTokens[0] : endTokens,
    bos_token_id: config.beginToken,
    pad_token_id: config.padToken,
  };
}

/** Refused by name first, for the schema would only speak of missing fields. */
function refuseUnsupported(json: unknown): void {
  const { model_type, quantization_config } = validate(
    z.looseObject({ model_type: z.string() }),
    json,
    "config.json",
  );
  if (model_type !== "llama") {
    throw new Error(`config.json: model_type "${model_type}" is not supported, only "llama"`);
  }
  if (quantization_config) {
    throw new Error(
      "config.json: quantized weights are not supported; use the model's f32, f16 or bf16 form",
    );
  }
}

function checkSizes(config: ModelConfig): void {
  const refuse = (reason: string) => {
    throw new Error(`config.json: ${reason}`);
  };
  if (config.heads % config.keyValueHeads !== 0) {
    refuse(
      `${config.heads} attention heads are not a multiple of ${config.keyValueHeads} key-value heads`,
    );
  }
  if (config.headSize % 2 !== 0) {
    refuse(`the head size (head_dim, or hidden_size / heads) is ${config.headSize}, expected even`);
  }
  const { endTokens, beginToken, padToken, vocabulary } = config;
  for (const id of [...endTokens, beginToken, padToken]) {
    if (id !== null && id >= vocabulary) {
      refuse(`special token id ${id} lies outside the vocabulary of ${vocabulary}`);
    }
  }
}

function validate<T>(schema: z.ZodType<T>, json: unknown, file: string): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  throw new Error(`${file} is not valid: ${z.prettifyError(result.error)}`);
}
