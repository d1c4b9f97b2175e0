import type { Engine } from "../gpu/engine.ts";
import { rowAlignment } from "../tensor/row-blocks.ts";
import { expectShape, type Tensor } from "../tensor/tensor.ts";
import { expectIntegers } from "./integers.ts";
import { launchLogProb, launchLogProbGradient } from "./logprob.ts";
import {
  giveGradients,
  launchGradients,
  openGradients,
  productsOf,
  sumProducts,
  type TableProduct,
} from "./table-product.ts";

/**
 * Bytes of logits that are there at a time, untuned and untimed on real GPUs: each chunk reads the whole head, which
 * is a GPU's memory traffic, so a chunk has as many rows as every adapter can bind. Software adapters compute too
 * slowly for that to matter.
 */
export function logitBytes({ features }: Engine): number {
  return (features.software ? 16 : 128) * 1024 * 1024;
}

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
 * @returns tensors of shape [G]; differentiable through logProb and entropy
 */
export function linearLogProbability(
  hidden: Tensor,
  weight: Tensor,
  targets: Tensor,
  { temperature = 1, chunkBytes = logitBytes(hidden.engine), added }: LinearLogProbabilityOptions =
    {},
): LogProbabilities {
  const { engine, shape: [total, inner] } = hidden;
  const [vocabulary] = weight.shape;
  expectShape("linearLogProbability", "weight", weight, [vocabulary, inner]);
  expectIntegers("linearLogProbability", "targets", targets, [total]);
  const products = productsOf("linearLogProbability", { x: hidden, table: weight }, added);
  // The width whose rows are the hardest to align: chunks that start well for it do so for all.
  const [strictest] = products.map(({ x }) => x.shape[1])
    .toSorted((a, b) => rowAlignment(b) - rowAlignment(a));
  const chunk = chunkRows(total, vocabulary, strictest, chunkBytes);
  const logProb = engine.empty([total]),
    entropy = engine.empty([total]),
    logSumExp = engine.empty([total]);
  const outputs = { targets, logProb, entropy, logSumExp };
  eachChunk(products, chunk, ({ logits, rows, offset }) => {
    launchLogProb({ logits, ...outputs }, { rows, vocabulary, temperature, offset });
  });

  engine.tape?.recordMany(
    "linearLogProbability",
    products.flatMap(({ x, table }) => [x, table]),
    [logProb, entropy],
    (upstreams, sink) => {
      const gradients = openGradients(products, sink);
      engine.scope(() => {
        const [dLogProb, dEntropy] = upstreams.map((upstream) => upstream ?? engine.zeros([total]));
        const given = { targets, logSumExp, entropy, dLogProb, dEntropy };
        eachChunk(products, chunk, ({ part, logits, rows, offset }) => {
          launchLogProbGradient({ logits, ...given }, { rows, vocabulary, temperature, offset });
          for (const [i, { x, table }] of gradients.entries()) {
            const ofRows = x && x.rows(offset, offset + rows);
            launchGradients(logits, part[i], { x: ofRows, table });
          }
        });
      });
      giveGradients(products, gradients, sink);
    },
  );
  return { logProb, entropy, logSumExp };
}

export interface LinearLogProbabilityOptions {
  /** Divides the logits. */
  temperature?: number;
  /** Of logits that are there at a time; `logitBytes` without it. */
  chunkBytes?: number;
  /** A second product that the logits sum: what an adapted head adds. */
  added?: TableProduct;
}

interface Chunk {
  /** The products of its rows. */
  part: TableProduct[];
  logits: Tensor;
  rows: number;
  offset: number;
}

/** Runs `body` for each chunk of at most `most` rows, with its logits in one reused buffer. */
function eachChunk(
  products: readonly TableProduct[],
  most: number,
  body: (chunk: Chunk) => void,
): void {
  const [{ x: { engine, shape: [total] }, table: { shape: [vocabulary] } }] = products;
  engine.scope(() => {
    const buffer = engine.empty([most, vocabulary]);
    for (let offset = 0; offset < total; offset += most) {
      const rows = Math.min(most, total - offset);
      const part = products.map(({ x, table }) => ({ x: x.rows(offset, offset + rows), table }));
      const logits = buffer.rows(0, rows);
      sumProducts(part, logits);
      body({ part, logits, rows, offset });
    }
  });
}

/** As many rows as `bytes` of logits allow; in steps that keep chunks at aligned addresses. */
export function chunkRows(
  total: number,
  vocabulary: number,
  inner: number,
  bytes: number,
): number {
  const aligned = rowAlignment(inner);
  const rows = Math.floor(bytes / 4 / vocabulary / aligned) * aligned;
  return Math.min(Math.max(rows, aligned), Math.max(total, 1));
}
