import { headLogits } from "../nn/head.ts";
import { type Model, packPredictions, predictorStates } from "../nn/model.ts";
import { logitBytes } from "../ops/linear-logprob.ts";
import { logProbabilityOfLogits } from "../ops/logprob.ts";
import { truncationThreshold } from "../ops/truncation.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { groupByTokens } from "./order.ts";
import type { ResetSource } from "./resets.ts";

/** What a model thinks of the tokens of one reference, its end token included. */
export interface TokenCoverage {
  /** Log probability of each token after the ones before it, in nats. */
  logProbs: number[];
  /** Whether each token is among the most likely ones that together hold `topP`. */
  covered: boolean[];
}

/** How the states that episodes can be reset to go on, in the model's eyes. */
export async function measureCoverage(
  model: Model,
  sources: readonly ResetSource[],
  { topP, microTokens }: { topP: number; microTokens: number },
): Promise<TokenCoverage[]> {
  const lengths = sources.map((row) => row.promptIds.length + row.referenceIds.length);
  const found: TokenCoverage[] = [];
  for (const [from, to] of groupByTokens(lengths, microTokens)) {
    const some = sources.slice(from, to);
    const { logProbs, covered } = await coverageOf(model, some, topP);
    let at = 0;
    for (const { referenceIds } of some) {
      const end = at + referenceIds.length;
      found.push({ logProbs: logProbs.slice(at, end), covered: covered.slice(at, end) });
      at = end;
    }
  }
  return found;
}

interface Chunk {
  logProb: Tensor;
  logSumExp: Tensor;
  threshold: Tensor;
}

async function coverageOf(
  model: Model,
  sources: readonly ResetSource[],
  topP: number,
): Promise<TokenCoverage> {
  const { engine } = model.parameters;
  const chunks = engine.scope(() => chunkedLogits(model, sources, topP));
  const logProbs: number[] = [], covered: boolean[] = [];
  for (const chunk of chunks) {
    const [logProb, logSumExp, threshold] = await Promise.all(
      [chunk.logProb, chunk.logSumExp, chunk.threshold].map((tensor) => tensor.read()),
    );
    logProb.forEach((value, i) => {
      logProbs.push(value);
      // The token's logit by a detour: it may differ in the last bits from the one that set the threshold.
      covered.push(value + logSumExp[i] >= threshold[i] - 1e-4);
    });
    for (const tensor of Object.values(chunk)) engine.release(tensor);
  }
  return { logProbs, covered };
}

function chunkedLogits(model: Model, sources: readonly ResetSource[], topP: number): Chunk[] {
  const { config, parameters } = model;
  const { engine } = parameters;
  const sequences = sources.map((row) => [...row.promptIds, ...row.referenceIds]);
  const ranges = sources.map((row, i) => [row.promptIds.length, sequences[i].length] as const);
  const batch = packPredictions(engine, sequences, ranges);
  const hidden = predictorStates(model, batch);
  // Rows in multiples of 64 begin at addresses that a binding may have.
  const rows = Math.max(1, Math.floor(logitBytes(engine) / 4 / config.vocabulary / 64)) * 64;
  const chunks: Chunk[] = [];
  for (let from = 0; from < batch.predictions; from += rows) {
    const to = Math.min(from + rows, batch.predictions);
    chunks.push(engine.scope(() => {
      const logits = headLogits(config, parameters, hidden.rows(from, to));
      const { logProb, logSumExp } = logProbabilityOfLogits(logits, batch.targets.rows(from, to));
      const threshold = truncationThreshold(logits, { temperature: 1, topK: 0, topP });
      return { logProb, logSumExp, threshold };
    }));
  }
  return chunks;
}
