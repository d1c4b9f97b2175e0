import type { Engine } from "../gpu/engine.ts";
import type { KernelConstants } from "../gpu/kernels.ts";
import { purposes } from "./threefry.ts";
import { expectShape, type Tensor } from "../tensor/tensor.ts";
import { expectIntegers } from "./integers.ts";
import { reductionConstants } from "./row-reduction.ts";
import { expectTruncation, type Truncation, truncationThreshold } from "./truncation.ts";

/** What a draw reads and writes. Letters: B rows, V vocabulary, T columns, E end-of-sequence ids. */
export interface SamplingBuffers {
  /** `[B, V]`. */
  logits: Tensor;
  /** `u32 [B, T]`. */
  tokens: Tensor;
  /** `[B, T]`, in nats. */
  logProbs: Tensor;
  /**
   * `u32 [B, 4]`: the row's length (the column to write next), its limit (the length at which it is
   * done), whether it is done (1 or 0), and its episode's number, the place of its random draws.
   */
  state: Tensor;
  /** `u32 [2, at least B]`: the row's newest token and its position, which is what a decoding step takes. */
  next: Tensor;
  /** Ids that end a row, `u32 [E]`. */
  ends: Tensor;
}

/** Temperature 0 takes the largest logit (the lowest id among equals), and ignores `topK` and `topP`. */
export interface SamplingOptions extends Truncation {
  /** An unsigned 32-bit integer. */
  seed: number;
  /** One of `purposes`: draws for different purposes share nothing. */
  purpose?: number;
}

/** What made the logits, if it has something left to launch, and can draw with it. */
export interface LogitsMaker {
  /** Draws from softmax(logits / temperature) with what is left to launch, or returns false. */
  sample(buffers: SamplingBuffers, parameters: SamplingParameters): boolean;
  /** Launches what is left. */
  finish(): void;
}

/** The numbers of shaders/sampling.wgsl. */
export type SamplingParameters = Record<
  | "rows"
  | "vocabulary"
  | "temperature"
  | "seed"
  | "purpose"
  | "capacity"
  | "end_count"
  | "next_stride",
  number
>;

/**
 * Draws the next token of each row that is not done, and writes it, and its log-probability under the
 * untruncated softmax(logits / temperature) (softmax(logits) at temperature 0), at the row's length,
 * and the token and that place in `next`; then the length grows by one, and the row is done when the
 * token is one of `ends` or the limit is reached. A done row is left as it is. The draw depends on the
 * logits, the seed, the episode and the column alone. Not differentiable, and nothing is read back. A
 * row with logits that are not finite gets some id, with a log-probability that is not finite either.
 * @param maker of the logits; row b of it stands at state[b].length − 1
 */
export function sampleNext(
  buffers: SamplingBuffers,
  options: SamplingOptions,
  maker: LogitsMaker | null = null,
): void {
  const { logits, tokens, logProbs: log_probs, state, ends, next } = buffers;
  expectShape("sampleNext", "logits", logits, [null, null]);
  const { engine, shape: [rows, vocabulary] } = logits;
  expectIntegers("sampleNext", "tokens", tokens, [rows, null]);
  expectShape("sampleNext", "logProbs", log_probs, tokens.shape);
  expectIntegers("sampleNext", "state", state, [rows, 4]);
  expectIntegers("sampleNext", "ends", ends, [null]);
  expectIntegers("sampleNext", "next", next, [2, null]);
  if (next.shape[1] < rows) {
    throw new RangeError(`sampleNext: next has ${next.shape[1]} columns for ${rows} rows`);
  }
  expectTruncation("sampleNext", options);
  const { temperature, topK, topP, seed, purpose = purposes.token } = options;
  if (seed !== seed >>> 0) {
    throw new RangeError(`sampleNext: seed is ${seed}, expected an unsigned 32-bit integer`);
  }
  const parameters = {
    rows,
    vocabulary,
    temperature,
    seed,
    purpose,
    capacity: tokens.shape[1],
    end_count: ends.size,
    next_stride: next.shape[1],
  };
  const bindings = { logits, logit_quads: logits, tokens, log_probs, state, ends, next };
  const grid = engine.grid(rows, 1), constants = lanesAndStrands(engine, vocabulary);
  const truncated = temperature > 0 && ((topK > 0 && topK < vocabulary) || topP < 1);
  if (!truncated && maker?.sample(buffers, parameters)) return;
  maker?.finish();
  if (!truncated) {
    engine.launch("sampling", "sample", bindings, parameters, grid, constants);
    return;
  }
  engine.scope(() => {
    const threshold = truncationThreshold(logits, options);
    const all = { ...bindings, threshold };
    engine.launch("sampling", "sample_truncated", all, parameters, grid, constants);
  });
}

/**
 * A software adapter does better with few lanes, each with strands of ids enough that there are 64 all the same, and
 * with ids that it can load by fours.
 */
export function lanesAndStrands(engine: Engine, vocabulary: number): KernelConstants {
  const QUADS = Number(vocabulary % 4 === 0);
  const strands: KernelConstants = engine.features.software
    ? { WORKGROUP: 8, LANE_STRANDS: 8, QUADS }
    : {};
  return { ...strands, ...reductionConstants(engine) };
}
