import { expect, test } from "bun:test";
import { copyModel, type Model } from "../../engine/nn/model.ts";
import { defaultAdamW } from "../../engine/nn/optimizer.ts";
import { type Episode, packEpisodes } from "../../engine/rl/episodes.ts";
import { Role } from "../../engine/ops/roles.ts";
import { meanLogProbability, SupervisedTrainer } from "../../engine/rl/sft.ts";
import { testEngine } from "../support/engine.ts";
import { storyteller, tinySources } from "../support/tiny.ts";

/** The bundled model's end token; GPT-2's and Pythia's tokenizers pad with theirs. */
const END = 0;

test("a batch holds the episodes' own tokens and no padding; the end the policy chose is predicted", async () => {
  const engine = await testEngine();
  const episodes = [
    { tokens: [5, 6, 7, 8, END], promptLength: 2, prefixLength: 1, ended: true },
    { tokens: [9, END], promptLength: 1, prefixLength: 0, ended: true },
    { tokens: [END, 5, END, 6], promptLength: 3, prefixLength: 0, ended: false },
  ] as Episode[];
  const width = 64;
  const batch = packEpisodes(engine, episodes, width);
  expect([...await batch.tokens.readIntegers()]).toEqual(episodes.flatMap(({ tokens }) => tokens));
  expect([...await batch.targets.readIntegers()]).toEqual([8, END, END, 6]);
  expect([...await batch.places.readIntegers()]).toEqual([3, 4, width + 1, 2 * width + 3]);
  const roles = await batch.roles.readIntegers();
  const generated = [...roles.keys()].filter((at) => roles[at] === Role.GENERATED);
  expect(generated).toEqual([...await batch.places.readIntegers()]);
});

const data = tinySources(6).map(({ promptIds, referenceIds }) => ({
  promptIds,
  responseIds: referenceIds, // closed with END
}));
const settings = {
  steps: 3,
  batchSize: 6,
  schedule: { peak: 2e-3, kind: "constant", warmup: 0 },
  optimizer: defaultAdamW,
  microTokens: 1000,
  seed: 1,
} as const;

async function trained(base: Model, padToken: number | null, rows = data): Promise<Model> {
  const model = { ...copyModel(base), config: { ...base.config, padToken } };
  const trainer = new SupervisedTrainer(model, rows, settings);
  while (trainer.step < trainer.steps) await trainer.advance();
  return model;
}

test("a model without a pad token, with pad = eos and with its own learns the same to the bit", async () => {
  const base = await storyteller(await testEngine());
  const results = [];
  for (const padToken of [null, END, 1]) {
    const model = await trained(base, padToken);
    results.push(await meanLogProbability(model, data, 1000));
  }
  expect(results[1]).toBe(results[0]);
  expect(results[2]).toBe(results[0]);
});

test("with pad = eos the end of a response is still learnt", async () => {
  const base = await storyteller(await testEngine());
  const ends = data.map(({ promptIds }) => ({ promptIds, responseIds: [END] }));
  const before = await meanLogProbability(base, ends, 1000);
  const after = await meanLogProbability(await trained(base, END, ends), ends, 1000);
  expect(after).toBeGreaterThan(before + 1);
});
