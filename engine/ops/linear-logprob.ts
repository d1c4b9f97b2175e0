import { rowAlignment } from "../tensor/row-blocks.ts";
import { expectShape, type Tensor } from "../tensor/tensor.ts";
import { expectIntegers } from "./integers.ts";
import { launchLogProb, launchLogProbGradient } from "./logprob.ts";
import {
  addTableGradient,
  productsOf,
  sumProducts,
  tableInputGradient,
  type TableProduct,
} from "./table-product.ts";

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
 * @param options temperature divides the logits; `added` is a second product that they sum, an adapter's
 * @returns tensors of shape [G]; differentiable through logProb and entropy
 */
export function linearLogProbability(
  hidden: Tensor,
  weight: Tensor,
  targets: Tensor,
  { temperature = 1, chunkBytes = CHUNK_BYTES, added }: LinearLogProbabilityOptions = {},
): LogProbabilities {
  const { engine, shape: [total, inner] } = hidden;
  const [vocabulary] = weight.shape;
  expectShape("linearLogProbability", "weight", weight, [vocabulary, inner]);
  expectIntegers("linearLogProbability", "targets", targets, [total]);
  const products = productsOf("linearLogProbability", { x: hidden, table: weight }, added);
  const chunk = chunkRows(products, chunkBytes);
  const logProb = engine.empty([total]),
    entropy = engine.empty([total]),
    logSumExp = engine.empty([total]);
  const outputs = { targets, logProb, entropy, logSumExp };

  /** Runs `body` for each chunk of rows with its products and logits, these in one reused buffer. */
  const eachChunk = (
    body: (chunk: TableProduct[], logits: Tensor, options: ChunkOptions) => void,
  ) => {
    engine.scope(() => {
      const buffer = engine.empty([chunk, vocabulary]);
      for (let offset = 0; offset < total; offset += chunk) {
        const rows = Math.min(chunk, total - offset);
        const part = products.map(({ x, table }) => ({ x: x.rows(offset, offset + rows), table }));
        const logits = buffer.rows(0, rows);
        sumProducts(part, logits);
        body(part, logits, { rows, vocabulary, temperature, offset });
      }
    });
  };
  eachChunk((_, logits, options) => launchLogProb({ logits, ...outputs }, options));

  engine.tape?.recordMany(
    "linearLogProbability",
    products.flatMap(({ x, table }) => [x, table]),
    [logProb, entropy],
    (upstreams, sink) => {
      const gradients = products.map(({ x, table }) => ({
        x: sink.needs(x) ? engine.empty(x.shape) : null,
        table: sink.needs(table) ? sink.accumulator(table) : null,
      }));
      engine.scope(() => {
        const [dLogProb, dEntropy] = upstreams.map((upstream) => upstream ?? engine.zeros([total]));
        eachChunk((chunk, logits, options) => {
          launchLogProbGradient(
            { logits, targets, logSumExp, entropy, dLogProb, dEntropy },
            options,
          );
          const { rows, offset } = options;
          for (const [i, gradient] of gradients.entries()) {
            const { x, table } = chunk[i];
            if (gradient.table) addTableGradient(logits, x, gradient.table);
            const out = gradient.x?.rows(offset, offset + rows);
            if (out) tableInputGradient(logits, table, out);
          }
        });
      });
      for (const [i, { x }] of gradients.entries()) if (x) sink.give(products[i].x, x);
    },
  );
  return { logProb, entropy, logSumExp };
}

export interface LinearLogProbabilityOptions {
  temperature?: number;
  chunkBytes?: number;
  added?: TableProduct;
}

interface ChunkOptions {
  rows: number;
  vocabulary: number;
  temperature: number;
  offset: number;
}

/** As many rows as `bytes` of logits allow; in steps that keep chunks at aligned addresses. */
function chunkRows(products: readonly TableProduct[], bytes: number): number {
  const [{ x: { shape: [total] }, table: { shape: [vocabulary] } }] = products;
  const aligned = Math.max(...products.map(({ x }) => rowAlignment(x.shape[1])));
  const rows = Math.floor(bytes / 4 / vocabulary / aligned) * aligned;
  return Math.min(Math.max(rows, aligned), Math.max(total, 1));
}
