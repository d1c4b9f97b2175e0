import { z } from "zod";

/** Rotary positions: which part of a head turns, and how fast. */
export interface Rope {
  /** Base of the frequencies. */
  theta: number;
  /** The part of each head that turns; the rest passes. */
  fraction: number;
  scaling: RopeScaling | null;
}

/** How a model's context was stretched after its first training. */
export type RopeScaling = { type: "linear"; factor: number } | {
  type: "llama3";
  factor: number;
  lowFrequencyFactor: number;
  highFrequencyFactor: number;
  originalContext: number;
};

const positive = z.number().positive();

/** `rope_scaling` of transformers 4 and `rope_parameters` of transformers 5. */
const parametersSchema = z.looseObject({
  rope_theta: positive.optional(),
  partial_rotary_factor: positive.max(1).optional(),
  rope_type: z.string().optional(),
  type: z.string().optional(), // the name of rope_type before transformers 4.43
});

/** The fields of config.json that rotary positions come from. */
export const ropeFields = {
  rope_theta: positive.nullish(),
  partial_rotary_factor: positive.max(1).nullish(),
  rope_scaling: parametersSchema.nullish(),
  rope_parameters: parametersSchema.nullish(),
};

const linearSchema = z.object({ factor: positive });
const llama3Schema = z.object({
  factor: positive,
  low_freq_factor: positive,
  high_freq_factor: positive,
  original_max_position_embeddings: z.int().positive(),
});

/** Reads the fields above; what is absent takes the `defaults`. Throws, naming it, on an unknown or ambiguous scaling. */
export function parseRope(
  fields: z.infer<z.ZodObject<typeof ropeFields>>,
  defaults: { theta: number; fraction: number },
): Rope {
  const { rope_scaling: old, rope_parameters: current } = fields;
  if (old && current) checkAgreement({ ...old }, { ...current });
  const parameters = { ...old, ...current };
  return {
    theta: parameters.rope_theta ?? fields.rope_theta ?? defaults.theta,
    fraction: parameters.partial_rotary_factor ?? fields.partial_rotary_factor ??
      defaults.fraction,
    scaling: parseScaling(parameters),
  };
}

/** Both names may stand in one file, but not with different meanings: one of the two would be ignored. */
function checkAgreement(old: Record<string, unknown>, current: Record<string, unknown>): void {
  const differing = Object.keys(old).filter((name) =>
    old[name] !== (name === "type" ? current["rope_type"] ?? current["type"] : current[name])
  );
  if (differing.length === 0) return;
  throw new Error(
    `config.json: rope_scaling and rope_parameters differ in ${differing.join(", ")}; ` +
      "leave the one out that the model was not trained with",
  );
}

function parseScaling(parameters: z.infer<typeof parametersSchema>): RopeScaling | null {
  const type = parameters.rope_type ?? parameters.type ?? "default";
  if (type === "default") return null;
  if (type !== "linear" && type !== "llama3") {
    throw new Error(
      `config.json: rope type "${type}" is not supported, only "default", "linear" and "llama3"`,
    );
  }
  const schema = type === "linear" ? linearSchema : llama3Schema;
  const result = schema.safeParse(parameters);
  if (!result.success) {
    throw new Error(`config.json: rope type "${type}" lacks ${z.prettifyError(result.error)}`);
  }
  if (type === "linear") return { type, factor: result.data.factor };
  const llama3 = result.data as z.infer<typeof llama3Schema>;
  if (llama3.high_freq_factor <= llama3.low_freq_factor) {
    throw new Error(
      `config.json: high_freq_factor ${llama3.high_freq_factor} must be above low_freq_factor ` +
        llama3.low_freq_factor,
    );
  }
  return {
    type,
    factor: llama3.factor,
    lowFrequencyFactor: llama3.low_freq_factor,
    highFrequencyFactor: llama3.high_freq_factor,
    originalContext: llama3.original_max_position_embeddings,
  };
}

/** The fields of config.json, for transformers 4 and 5. */
export function ropeToJson({ theta, fraction, scaling }: Rope): Record<string, unknown> {
  const parameters = scalingToJson(scaling);
  const partial = fraction === 1 ? {} : { partial_rotary_factor: fraction };
  return {
    rope_theta: theta,
    rope_scaling: scaling && parameters,
    rope_parameters: { rope_theta: theta, ...partial, ...parameters },
  };
}

function scalingToJson(scaling: RopeScaling | null): Record<string, unknown> {
  if (scaling === null) return { rope_type: "default" };
  const { type: rope_type, factor } = scaling;
  if (scaling.type === "linear") return { rope_type, factor };
  return {
    rope_type,
    factor,
    low_freq_factor: scaling.lowFrequencyFactor,
    high_freq_factor: scaling.highFrequencyFactor,
    original_max_position_embeddings: scaling.originalContext,
  };
}

/** Dimensions of a head that turn. Throws where they make no pairs. */
export function rotarySize({ fraction }: Rope, headSize: number): number {
  const size = Math.floor(headSize * fraction);
  if (size === 0 || size % 2) {
    throw new Error(
      `config.json: ${size} dimensions of each head (${fraction} of the head size, head_dim or ` +
        `hidden_size / heads, of ${headSize}) would turn, expected an even number`,
    );
  }
  return size;
}

/** Radians per position of each of the R/2 pairs (Su et al. 2021), with scaling. */
export function rotaryFrequencies(rope: Rope, headSize: number): number[] {
  const size = rotarySize(rope, headSize);
  const { theta, scaling } = rope;
  return Array.from({ length: size / 2 }, (_, i) => scale(theta ** (-2 * i / size), scaling));
}

/**
 * linear: all positions stand closer together. llama3 (Llama 3.1): only slow pairs do, whose wave is longer
 * than the first training's context by a factor, with a smooth passage to the fast ones.
 */
function scale(frequency: number, scaling: RopeScaling | null): number {
  if (scaling === null) return frequency;
  if (scaling.type === "linear") return frequency / scaling.factor;
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContext } = scaling;
  const waves = originalContext * frequency / (2 * Math.PI); // in the original context
  const kept = Math.min(Math.max((waves - low) / (high - low), 0), 1);
  return frequency * (kept + (1 - kept) / factor);
}
