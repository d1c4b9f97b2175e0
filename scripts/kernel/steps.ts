// Whole steps to profile.
import type { Engine } from "../../engine/gpu/engine.ts";
import { generate } from "../../engine/nn/generation.ts";
import { logProbabilities, type Model, packPredictions } from "../../engine/nn/model.ts";
import { AdamW } from "../../engine/nn/optimizer.ts";
import { Tape } from "../../engine/tensor/tape.ts";

/** What is profiled: `sequences` of `length` tokens each. */
interface Load {
  sequences: number;
  length: number;
}

/** Forward, backward and AdamW on sequences of arbitrary tokens. */
export function trainingStep(model: Model, { sequences, length }: Load): () => Promise<void> {
  const { config, parameters } = model, { engine } = parameters;
  const tokens = batchTokens(config.vocabulary, { sequences, length });
  const optimizer = new AdamW(parameters);
  return async () => {
    const loss = engine.scope(() => {
      const batch = packPredictions(engine, tokens, tokens.map(() => [1, length]));
      const tape = new Tape();
      parameters.clearGradients();
      parameters.watch(tape);
      const { logProb } = engine.record(tape, () => logProbabilities(model, batch));
      const upstream = new Float32Array(batch.predictions).fill(-1 / batch.predictions);
      tape.backward(logProb, engine.tensor(upstream));
      optimizer.step(1e-6);
      return logProb;
    });
    await finish(engine);
    engine.release(loss);
  };
}

/** The second half of each sequence is decoded after a prefill of the first. */
export function decodingStep(model: Model, load: Load): () => Promise<void> {
  const { config: { vocabulary } } = model;
  const context = Math.floor(load.length / 2);
  const requests = batchTokens(vocabulary, { ...load, length: context }).map((tokens, episode) => ({
    context: tokens,
    newTokens: load.length - context,
    episode,
  }));
  // No end tokens, so that all rows go on to the end.
  return async () =>
    void await generate(model, requests, { temperature: 1, seed: 1, endTokens: [] });
}

function batchTokens(vocabulary: number, { sequences, length }: Load): number[][] {
  return Array.from(
    { length: sequences },
    (_, b) => Array.from({ length }, (_, t) => (b * 7919 + t * 104_729) % vocabulary),
  );
}

async function finish(engine: Engine): Promise<void> {
  const finished = engine.zeros([1]);
  await finished.read();
  engine.release(finished);
}
