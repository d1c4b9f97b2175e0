import { expectShape, type Tensor } from "../tensor/tensor.ts";
import { expectIntegers } from "./integers.ts";
import { longRowConstants } from "./row-reduction.ts";

/** What `launchLogProb` reads and writes. Letters: R rows of the chunk, V vocabulary, G positions in all. */
export interface LogProbBuffers {
  /** `[R, V]`. */
  logits: Tensor;
  /** Token ids, `u32 [G]`; one of V or more gets the log-probability −1e30. */
  targets: Tensor;
  /** `[G]`; entries `offset … offset + rows − 1` are written, here and below. */
  logProb: Tensor;
  /** `[G]`, in nats. */
  entropy: Tensor;
  /** `[G]`, of logits / temperature. */
  logSumExp: Tensor;
}

/** What `launchLogProbGradient` reads and, in `logits`, overwrites. */
export interface LogProbGradientBuffers {
  /** `[R, V]`: logits before, their gradient after. */
  logits: Tensor;
  /** Token ids below V, `u32 [G]`. */
  targets: Tensor;
  /** `[G]`, as `launchLogProb` wrote it. */
  logSumExp: Tensor;
  /** `[G]`, as `launchLogProb` wrote it. */
  entropy: Tensor;
  /** Upstream gradient of the log-probabilities, `[G]`; zeros where there is none. */
  dLogProb: Tensor;
  /** Upstream gradient of the entropies, `[G]`; zeros where there is none. */
  dEntropy: Tensor;
}

/** Which of the G positions the chunk of logits holds, and the temperature that divides them. */
export interface LogProbChunk {
  rows: number;
  vocabulary: number;
  temperature: number;
  /** The position of the chunk's first row. */
  offset: number;
}

/** Writes log-probability, entropy and log-sum-exp of a chunk of rows. Not recorded on the tape. */
export function launchLogProb(buffers: LogProbBuffers, chunk: LogProbChunk): void {
  expectChunk("launchLogProb", buffers, chunk);
  const { engine } = buffers.logits;
  const grid = engine.grid(chunk.rows, 1);
  const bindings = {
    logits: buffers.logits,
    targets: buffers.targets,
    log_prob: buffers.logProb,
    entropy: buffers.entropy,
    log_sum_exp: buffers.logSumExp,
  };
  const constants = longRowConstants(engine);
  engine.launch("logprob", "forward", bindings, { ...chunk }, grid, constants);
}

const STRETCH = 1024; // columns of a row that a workgroup goes through, as in the shader

/** Overwrites a chunk of logits with their gradient. Not recorded on the tape. */
export function launchLogProbGradient(buffers: LogProbGradientBuffers, chunk: LogProbChunk): void {
  expectChunk("launchLogProbGradient", buffers, chunk);
  const { engine } = buffers.logits;
  const grid = engine.grid(chunk.rows * Math.ceil(chunk.vocabulary / STRETCH), 1);
  const bindings = {
    logits: buffers.logits,
    targets: buffers.targets,
    log_sum_exp: buffers.logSumExp,
    entropy: buffers.entropy,
    d_log_prob: buffers.dLogProb,
    d_entropy: buffers.dEntropy,
  };
  engine.launch("logprob", "backward", bindings, { ...chunk }, grid);
}

/**
 * Log-probability of `targets` (`u32 [R]`) under softmax(logits / temperature), with each row's entropy
 * and log-sum-exp, all `[R]`; `logits` is `[R, V]`. Gradients flow through `logProb` and `entropy`;
 * `logSumExp` is a statistic and a constant for the tape.
 */
export function logProbabilityOfLogits(
  logits: Tensor,
  targets: Tensor,
  { temperature = 1 }: { temperature?: number } = {},
): { logProb: Tensor; entropy: Tensor; logSumExp: Tensor } {
  expectShape("logProbabilityOfLogits", "logits", logits, [null, null]);
  const { engine } = logits;
  const [rows, vocabulary] = logits.shape;
  expectIntegers("logProbabilityOfLogits", "targets", targets, [rows]);
  const [logProb, entropy, logSumExp] = [0, 1, 2].map(() => engine.empty([rows]));
  const chunk = { rows, vocabulary, temperature, offset: 0 };
  launchLogProb({ logits, targets, logProb, entropy, logSumExp }, chunk);
  engine.tape?.recordMany(
    "logProbabilityOfLogits",
    [logits],
    [logProb, entropy],
    ([upstreamLogProb, upstreamEntropy], sink) => {
      const gradient = engine.scope(() => {
        const dLogProb = upstreamLogProb ?? engine.zeros([rows]);
        const dEntropy = upstreamEntropy ?? engine.zeros([rows]);
        const gradient = engine.empty(logits.shape);
        engine.copy(logits, gradient);
        const saved = { targets, logSumExp, entropy };
        launchLogProbGradient({ logits: gradient, ...saved, dLogProb, dEntropy }, chunk);
        return gradient;
      });
      sink.give(logits, gradient);
    },
  );
  return { logProb, entropy, logSumExp };
}

function expectChunk(
  op: string,
  buffers: LogProbBuffers | LogProbGradientBuffers,
  chunk: LogProbChunk,
) {
  const { rows, vocabulary, temperature, offset } = chunk;
  if (!(temperature > 0)) {
    throw new RangeError(`${op}: temperature is ${temperature}, expected a positive number`);
  }
  const { logits, ...perPosition } = buffers;
  if (logits.size < rows * vocabulary) {
    throw new RangeError(
      `${op}: logits has shape [${logits.shape}], expected room for [${rows}, ${vocabulary}]`,
    );
  }
  const positions = buffers.targets.size;
  if (offset + rows > positions) {
    throw new RangeError(
      `${op}: rows ${offset} to ${offset + rows - 1} lie beyond the ${positions} targets`,
    );
  }
  for (const [name, tensor] of Object.entries(perPosition)) {
    expectShape(op, name, tensor, [positions]);
  }
}
