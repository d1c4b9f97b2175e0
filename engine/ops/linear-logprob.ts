import { rowAlignment } from "../tensor/row-blocks.ts";
import { expectShape, type Tensor } from "../tensor/tensor.ts";
import { expectIntegers } from "./integers.ts";
import { launchLogProb, launchLogProbGradient } from "./logprob.ts";
import { addTableGradient, tableInputGradient, tableProduct } from "./table-product.ts";

const CHUNK_BYTES = 16 * 1024 * 1024; // of logits at a time

/** Per row: the log probability of the target, the entropy, and the log-sum-exp of the logits. */
export interface LogProbabilities {
  logProb: Tensor;
  entropy: Tensor;
  logSumExp: Tensor;
}

/**
 * The language-model head and the log-softmax in one: logits are made for a chunk of rows at a time and
 * made again in backward, so no [G, V] buffer exists.
 * @param hidden [G, C], the rows whose next token is asked for
 * @param weight [V, C]
 * @param targets u32 [G]
 * @param options temperature divides the logits
 * @returns tensors of shape [G]; differentiable through logProb and entropy
 */
export function linearLogProbability(
  hidden: Tensor,
  weight: Tensor,
  targets: Tensor,
  { temperature = 1, chunkBytes = CHUNK_BYTES } = {},
): LogProbabilities {
  const { engine, shape: [total, inner] } = hidden;
  const [vocabulary] = weight.shape;
  expectShape("linearLogProbability", "weight", weight, [vocabulary, inner]);
  expectIntegers("linearLogProbability", "targets", targets, [total]);
  const chunk = chunkRows(total, vocabulary, inner, chunkBytes);
  const logProb = engine.empty([total]),
    entropy = engine.empty([total]),
    logSumExp = engine.empty([total]);
  const outputs = { targets, logProb, entropy, logSumExp };

  /** Runs `body` for each chunk of rows with its logits, in one reused buffer. */
  const eachChunk = (body: (rows: Tensor, logits: Tensor, options: ChunkOptions) => void) => {
    engine.scope(() => {
      const buffer = engine.empty([chunk, vocabulary]);
      for (let offset = 0; offset < total; offset += chunk) {
        const rows = hidden.rows(offset, Math.min(offset + chunk, total));
        const logits = buffer.rows(0, rows.shape[0]);
        tableProduct(rows, weight, logits);
        body(rows, logits, { rows: rows.shape[0], vocabulary, temperature, offset });
      }
    });
  };
  eachChunk((_, logits, options) => launchLogProb({ logits, ...outputs }, options));

  engine.tape?.recordMany(
    "linearLogProbability",
    [hidden, weight],
    [logProb, entropy],
    (upstreams, sink) => {
      const gradient = sink.needs(hidden) ? engine.empty(hidden.shape) : null;
      engine.scope(() => {
        const [dLogProb, dEntropy] = upstreams.map((upstream) => upstream ?? engine.zeros([total]));
        eachChunk((rows, logits, options) => {
          launchLogProbGradient(
            { logits, targets, logSumExp, entropy, dLogProb, dEntropy },
            options,
          );
          const { rows: count, offset } = options;
          if (sink.needs(weight)) addTableGradient(logits, rows, sink.accumulator(weight));
          if (gradient) {
            tableInputGradient(logits, weight, gradient.rows(offset, offset + count));
          }
        });
      });
      if (gradient) sink.give(hidden, gradient);
    },
  );
  return { logProb, entropy, logSumExp };
}

interface ChunkOptions {
  rows: number;
  vocabulary: number;
  temperature: number;
  offset: number;
}

/** As many rows as `bytes` of logits allow; in steps that keep chunks at aligned addresses. */
export function chunkRows(
  total: number,
  vocabulary: number,
  inner: number,
  bytes = CHUNK_BYTES,
): number {
  const aligned = rowAlignment(inner);
  const rows = Math.floor(bytes / 4 / vocabulary / aligned) * aligned;
  return Math.min(Math.max(rows, aligned), Math.max(total, 1));
}
