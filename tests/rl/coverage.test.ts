import { expect, test } from "bun:test";
import { logits, packPredictions } from "../../engine/nn/model.ts";
import { measureCoverage } from "../../engine/rl/coverage.ts";
import { testEngine } from "../support/engine.ts";
import { storyteller, tinySources } from "../support/tiny.ts";

const TOP_P = 0.9;

test("log probabilities and membership in the top 90 % agree with the logits, over micro-batches", async () => {
  const model = await storyteller(await testEngine());
  const sources = tinySources(9);
  const found = await measureCoverage(model, sources, { topP: TOP_P, microTokens: 40 });
  expect(found.map(({ logProbs }) => logProbs.length)).toEqual(
    sources.map(({ referenceIds }) => referenceIds.length),
  );
  const { engine } = model.parameters;
  const seen = new Set<boolean>();
  for (const [i, { promptIds, referenceIds }] of sources.entries()) {
    const sequence = [...promptIds, ...referenceIds];
    const tensor = engine.scope(() => logits(model, packPredictions(engine, [sequence], [[1, 2]])));
    const values = await tensor.read();
    engine.release(tensor);
    const vocabulary = values.length / sequence.length;
    referenceIds.forEach((token, t) => {
      const from = (promptIds.length + t - 1) * vocabulary;
      const row = Array.from(values.subarray(from, from + vocabulary));
      const { logProb, before } = place(row, token);
      expect(found[i].logProbs[t]).toBeCloseTo(logProb, 3);
      if (Math.abs(before - TOP_P) > 1e-4) expect(found[i].covered[t]).toBe(before < TOP_P);
      seen.add(found[i].covered[t]);
    });
  }
  expect(seen.size).toBe(2);
});

/** A token's log probability, and the probability of all tokens that are likelier. */
function place(row: readonly number[], token: number) {
  const greatest = Math.max(...row);
  const weights = row.map((value) => Math.exp(value - greatest));
  const sum = weights.reduce((a, b) => a + b, 0);
  const likelier = weights.filter((weight) => weight > weights[token]);
  return {
    logProb: Math.log(weights[token] / sum),
    before: likelier.reduce((a, b) => a + b, 0) / sum,
  };
}
