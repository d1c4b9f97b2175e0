import { beforeAll, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import type { Engine } from "../../engine/gpu/engine.ts";
import { packBatch } from "../../engine/nn/batch.ts";
import {
  generate,
  type GenerationOptions,
  type GenerationRequest,
} from "../../engine/nn/generation.ts";
import {
  loadModel,
  logits,
  logProbabilities,
  type Model,
  packPredictions,
} from "../../engine/nn/model.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { randomIntegers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";

let engine: Engine, model: Model;
beforeAll(async () => {
  engine = await testEngine();
  const folder = fileURLToPath(new URL("../../data/storyteller", import.meta.url));
  model = await loadModel(engine, openFolder(folder));
}, 60_000);

const SAMPLED: GenerationOptions = { temperature: 1, seed: 7, endTokens: [] };
const GREEDY: GenerationOptions = { ...SAMPLED, temperature: 0 };

const PROMPT = [0, 388, 393, 260, 372, 13, 380, 281, 260, 375, 417, 377, 311, 15];

/** A context of `length` tokens: the prompt, then a forced prefix of any tokens. */
function context(length: number, seed = length): number[] {
  const prefix = [...randomIntegers(length, model.config.vocabulary - 2, seed)].map((id) => id + 2);
  return [...PROMPT, ...prefix].slice(0, length);
}

const requests = (newTokens: number, lengths: number[]): GenerationRequest[] =>
  lengths.map((length, b) => ({ context: context(length), newTokens, episode: 100 + b }));

/** What happens on the engine while `body` runs. */
async function counted(body: () => Promise<unknown>) {
  const before = engine.counts;
  let reads = 0;
  const { read, readIntegers } = engine;
  engine.read = (tensor) => (reads++, read.call(engine, tensor));
  engine.readIntegers = (tensor) => (reads++, readIntegers.call(engine, tensor));
  try {
    await body();
  } finally {
    Object.assign(engine, { read, readIntegers });
  }
  return { launches: engine.counts.launches - before.launches, reads };
}

for (const temperature of [1, 0.7]) {
  test(`log-probabilities of decoding are the training forward's at temperature ${temperature}`, async () => {
    const asked = requests(20, [1, 14, 15, 33, 60, 97]);
    const drawn = await generate(model, asked, { ...SAMPLED, temperature });
    const sequences = asked.map(({ context }, b) => [...context, ...drawn[b].tokens]);
    const ranges = asked.map(({ context }, b) =>
      [context.length, sequences[b].length] as [number, number]
    );
    const batch = packPredictions(engine, sequences, ranges);
    const expected = engine.scope(() => logProbabilities(model, batch, temperature).logProb);
    const actual = drawn.flatMap(({ logProbs }) => [...logProbs]);
    expect(actual.length).toBe(6 * 20);
    for (const [i, value] of (await expected.read()).entries()) {
      expect(Math.abs(actual[i] - value)).toBeLessThan(1e-4);
    }
  });
}

test("greedy decoding takes the largest logit of the full forward", async () => {
  const asked = requests(16, [3, 14, 40]);
  const drawn = await generate(model, asked, GREEDY);
  const sequences = asked.map(({ context }, b) => [...context, ...drawn[b].tokens]);
  const batch = packBatch(engine, sequences);
  const all = await engine.scope(() => logits(model, batch)).read();
  const { vocabulary } = model.config;
  for (const [b, { context }] of asked.entries()) {
    const best = drawn[b].tokens.map((_, t) => {
      const row = batch.starts[b] + context.length + t - 1;
      const scores = all.subarray(row * vocabulary, (row + 1) * vocabulary);
      return scores.indexOf(Math.max(...scores));
    });
    expect(drawn[b].tokens).toEqual(best);
  }
});

test("prefill takes the same number of dispatches whatever the lengths", async () => {
  const mixes = [[1, 1], [14, 200], [33, 34, 35, 1, 250]];
  const prefills: number[] = [];
  for (const lengths of mixes) {
    const { launches } = await counted(() => generate(model, requests(1, lengths), SAMPLED));
    prefills.push(launches);
  }
  expect(new Set(prefills).size).toBe(1);
});

test("decoding takes the same dispatches for each token, or for eight, and reads back now and then", async () => {
  const { software, subgroups, lanes } = engine.features;
  const run = (newTokens: number) =>
    counted(() => generate(model, requests(newTokens, [5, 30]), SAMPLED));
  const [one, two, many] = [await run(1), await run(2), await run(82)];
  const whole = software && subgroups && lanes === 8; // a row program makes whole steps: a launch, and one that stores
  expect(many.launches - two.launches)
    .toBe(whole ? 2 * Math.ceil(80 / 8) : 80 * (two.launches - one.launches));
  expect(one.reads).toBe(3); // tokens, log-probabilities and lengths, at the end
  expect(many.reads).toBe(3 + (whole ? Math.floor(81 / 64) : Math.floor(81 / 8)));
});

test("a step that fails while it is asked whether all are done fails alone", async () => {
  const { readIntegers } = engine, { launch } = engine;
  const before = await counted(() => generate(model, requests(66, [5, 30]), SAMPLED));
  let launches = 0;
  engine.readIntegers = () => Promise.reject(new Error("no answer"));
  engine.launch = (...launched) => {
    if (launches++ >= before.launches) throw new Error("no launch"); // in a step after the question
    launch.apply(engine, launched);
  };
  try {
    const outcome = generate(model, requests(96, [5, 30]), SAMPLED);
    await expect(outcome).rejects.toThrow("no launch");
  } finally {
    Object.assign(engine, { readIntegers, launch });
  }
});

test("an episode replayed alone gives the same tokens", async () => {
  const asked = requests(24, [1, 14, 37, 90]);
  const together = await generate(model, asked, SAMPLED);
  for (const [b, request] of asked.entries()) {
    const [alone] = await generate(model, [request], SAMPLED);
    expect(alone.tokens).toEqual(together[b].tokens);
  }
  const [later] = await generate(model, [{
    ...asked[1],
    context: [...asked[1].context, ...together[1].tokens.slice(0, 10)],
    newTokens: 14,
  }], SAMPLED);
  expect(later.tokens).toEqual(together[1].tokens.slice(10));
});

test("another seed or episode draws other tokens", async () => {
  const request = { context: PROMPT, newTokens: 24, episode: 1 };
  const draw = async (episode: number, seed: number) => {
    const [{ tokens }] = await generate(model, [{ ...request, episode }], { ...SAMPLED, seed });
    return tokens.join();
  };
  const draws = [await draw(1, 7), await draw(2, 7), await draw(1, 8)];
  expect(new Set(draws).size).toBe(3);
});

test("a row ends with the first of several end tokens, the others at their limits", async () => {
  const asked = requests(30, [14, 2, 20]).map((request, b) => ({ ...request, newTokens: 30 - b }));
  const free = await generate(model, asked, SAMPLED);
  expect(free.map(({ tokens, ended }) => [tokens.length, ended]))
    .toEqual([[30, false], [29, false], [28, false]]);
  const endTokens = [free[0].tokens[9], free[1].tokens[17]];
  const stopped = await generate(model, asked, { ...SAMPLED, endTokens });
  for (const [b, { tokens, logProbs, ended }] of stopped.entries()) {
    const end = free[b].tokens.findIndex((id) => endTokens.includes(id));
    expect(tokens).toEqual(end < 0 ? free[b].tokens : free[b].tokens.slice(0, end + 1));
    expect(logProbs.length).toBe(tokens.length);
    expect(ended).toBe(end >= 0);
  }
  expect(stopped[0].ended && stopped[1].ended).toBe(true);
});

test("decoding stops soon after all rows are done", async () => {
  const [{ tokens }] = await generate(model, requests(1, [14]), GREEDY);
  const { reads } = await counted(() =>
    generate(model, requests(200, [14]), { ...GREEDY, endTokens: tokens })
  );
  expect(reads).toBe(3 + 1);
});

test("rows that ask for nothing get nothing", async () => {
  const [first, second] = requests(8, [5, 9]);
  const [none, some] = await generate(model, [{ ...first, newTokens: 0 }, second], SAMPLED);
  expect([none.tokens, none.logProbs.length, none.ended]).toEqual([[], 0, false]);
  expect(some.tokens).toEqual((await generate(model, [second], SAMPLED))[0].tokens);
  expect(await generate(model, [], SAMPLED)).toEqual([]);
});

test("a row that does not fit the context is refused", async () => {
  const { context: limit } = model.config;
  const [full] = await generate(model, requests(1, [limit - 1]), SAMPLED);
  expect(full.tokens.length).toBe(1);
  await expect(generate(model, requests(2, [10, limit - 1]), SAMPLED)).rejects.toThrow(
    `row 1 has ${limit - 1} tokens and asks for 2 more, but the model's context is ${limit}`,
  );
});

test("requests that make no sense are refused by their row", async () => {
  const [good] = requests(3, [5]);
  const cases: [wrong: Partial<GenerationRequest>, message: string][] = [
    [{ context: [] }, "row 1 has no token to go on from"],
    [{ newTokens: -1 }, "row 1 asks for -1 tokens"],
    [{ newTokens: 1.5 }, "row 1 asks for 1.5 tokens"],
    [{ newTokens: NaN }, "row 1 asks for NaN tokens"],
    [{ episode: -1 }, "row 1 is episode -1"],
    [{ episode: 2 ** 32 }, "row 1 is episode 4294967296"],
  ];
  for (const [wrong, message] of cases) {
    await expect(generate(model, [good, { ...good, ...wrong }], SAMPLED)).rejects.toThrow(message);
  }
});

test("generation leaves no memory behind, not even when it fails", async () => {
  const { live } = engine.memory;
  await generate(model, requests(9, [3, 40]), SAMPLED);
  expect(engine.memory.live).toBe(live);
  const unknown = [{ context: [model.config.vocabulary], newTokens: 1, episode: 0 }];
  await expect(generate(model, unknown, SAMPLED)).rejects.toThrow("vocabulary");
  expect(engine.memory.live).toBe(live);
});
