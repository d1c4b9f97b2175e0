import { generate } from "../../engine/nn/generation.ts";
import { logProbabilities, type Model, packPredictions } from "../../engine/nn/model.ts";
import { randomIntegers } from "./compare.ts";

/** Largest difference between the log-probabilities of decoding and those of the training forward. */
export async function decodingError(model: Model): Promise<number> {
  const { config: { vocabulary }, parameters: { engine } } = model;
  const requests = [1, 7, 20].map((length, b) => ({
    context: [...randomIntegers(length, vocabulary, b)],
    newTokens: 12,
    episode: b,
  }));
  const drawn = await generate(model, requests, { temperature: 1, seed: 3, endTokens: [] });
  const sequences = requests.map(({ context }, b) => [...context, ...drawn[b].tokens]);
  const batch = packPredictions(
    engine,
    sequences,
    requests.map(({ context }, b) => [context.length, sequences[b].length]),
  );
  const expected = await engine.scope(() => logProbabilities(model, batch).logProb).read();
  const actual = drawn.flatMap(({ logProbs }) => [...logProbs]);
  return Math.max(...actual.map((value, i) => Math.abs(value - expected[i])));
}
