import { expectShape, type Tensor } from "../tensor/tensor.ts";
import { longRowConstants } from "./row-reduction.ts";

export interface Truncation {
  /** Divides the logits; positive. */
  temperature: number;
  /** Keeps the k largest logits; 0 is off. */
  topK: number;
  /** Keeps the largest logits that together hold at least this share, of what top-k left; 1 is off. */
  topP: number;
}

/**
 * The lowest logit kept by top-k and then top-p in each row of `logits` `[B, V]`, as `[B]`: the rules
 * of Hugging Face's warpers, but that top-p never parts equal logits (there their order is undefined).
 */
export function truncationThreshold(logits: Tensor, truncation: Truncation): Tensor {
  expectShape("truncationThreshold", "logits", logits, [null, null]);
  expectTruncation("truncationThreshold", truncation);
  const { engine, shape: [rows, vocabulary] } = logits;
  const { temperature, topK: top_k, topP: top_p } = truncation;
  if (temperature === 0) {
    throw new RangeError("truncationThreshold: temperature is 0, expected a positive number");
  }
  const threshold = engine.empty([rows]);
  const parameters = { rows, vocabulary, temperature, top_k: Math.min(top_k, vocabulary), top_p };
  engine.launch(
    "truncation",
    "truncation",
    { logits, threshold },
    parameters,
    engine.grid(rows, 1),
    longRowConstants(engine),
  );
  return threshold;
}

/** Throws unless the settings are ones that sampling can use. */
export function expectTruncation(op: string, { temperature, topK, topP }: Truncation): void {
  if (!(temperature >= 0 && temperature < Infinity)) {
    throw new RangeError(
      `${op}: temperature is ${temperature}, expected 0 (greedy) or a positive number`,
    );
  }
  if (!(Number.isInteger(topK) && topK >= 0)) {
    throw new RangeError(`${op}: topK is ${topK}, expected 0 (off) or a positive integer`);
  }
  if (!(topP > 0 && topP <= 1)) {
    throw new RangeError(`${op}: topP is ${topP}, expected a number above 0 and at most 1 (off)`);
  }
}
