import { expect, test } from "bun:test";
import { sampleNext, type SamplingOptions } from "../../engine/ops/sampling.ts";
import { expectClose, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";
import { logSoftmax } from "../../engine/check/softmax.ts";
import { keptIds } from "../../engine/check/truncation.ts";
import { checkFamily } from "../support/check.ts";

checkFamily("sampling");

const plain: SamplingOptions = { temperature: 1, topK: 0, topP: 1, seed: 2024 };

/** The state of a row: its length, limit, done and episode. */
type RowState = readonly [number, number, number, number];

/** One draw for rows of these logits, from token and log-probability buffers filled with 7. */
async function drawOnce(
  logits: readonly Float32Array[],
  states: readonly RowState[],
  options: SamplingOptions,
  { capacity = 4, ends = [] as number[] } = {},
) {
  const engine = await testEngine();
  const rows = logits.length;
  const data = new Float32Array(rows * logits[0].length);
  logits.forEach((row, r) => data.set(row, r * row.length));
  const filled = new Array<number>(rows * capacity).fill(7);
  const buffers = {
    logits: engine.tensor(data, [rows, logits[0].length]),
    tokens: engine.integers(filled, [rows, capacity]),
    logProbs: engine.tensor(filled, [rows, capacity]),
    state: engine.integers(states.flat(), [rows, 4]),
    ends: engine.integers(ends),
    next: engine.zeros([2, rows], "u32"),
  };
  sampleNext(buffers, options);
  const tokens = await buffers.tokens.readIntegers();
  const logProbs = await buffers.logProbs.read();
  const state = await buffers.state.readIntegers();
  for (const tensor of Object.values(buffers)) engine.release(tensor);
  return { tokens, logProbs, state };
}

/** Draws for `count` episodes from the same logits: the token and log-probability of each. */
async function drawMany(logits: Float32Array, count: number, options: SamplingOptions) {
  const states = Array.from({ length: count }, (_, episode): RowState => [0, 9, 0, episode]);
  const rows = new Array<Float32Array>(count).fill(logits);
  return await drawOnce(rows, states, options, { capacity: 1 });
}

/** How far counts are from what `logP` makes expect, over classes of at least 5 expected draws. */
function chiSquare(tokens: Uint32Array, logP: Float64Array) {
  const counts = new Float64Array(logP.length);
  for (const token of tokens) counts[token]++;
  let statistic = 0, classes = 0, restExpected = 0, restCount = 0;
  logP.forEach((l, id) => {
    const expected = Math.exp(l) * tokens.length;
    if (expected < 5) {
      restExpected += expected;
      restCount += counts[id];
    } else {
      statistic += (counts[id] - expected) ** 2 / expected;
      classes++;
    }
  });
  if (restExpected > 0) statistic += (restCount - restExpected) ** 2 / Math.max(restExpected, 5);
  return { statistic, classes };
}

for (const [vocabulary, temperature] of [[2, 1], [37, 1], [257, 0.5], [1024, 1.7]]) {
  test(`draws are distributed as the softmax, V = ${vocabulary}, temperature ${temperature}`, async () => {
    const logits = randomNumbers(vocabulary, 3, 2);
    const { tokens, logProbs } = await drawMany(logits, 3000, { ...plain, temperature });
    const logP = logSoftmax(logits, temperature);
    const { statistic, classes } = chiSquare(tokens, logP);
    expect(statistic).toBeLessThan(classes + 5 * Math.sqrt(2 * classes));
    expectClose(logProbs, [...tokens].map((token) => logP[token]), 1e-6);
  });
}

test("truncated draws are those of the kept ids alone, and reach all of them", async () => {
  const tied = randomNumbers(60, 5, 1).map((x) => Math.round(x * 2) / 2);
  for (
    const options of [{ ...plain, topK: 9 }, { ...plain, topP: 0.6 }, {
      ...plain,
      topK: 30,
      topP: 0.7,
    }]
  ) {
    const { tokens } = await drawMany(tied, 3000, options);
    expect([...new Set(tokens)].sort((a, b) => a - b)).toEqual(keptIds(tied, options));
  }
});

for (const vocabulary of [1, 257, 1024, 50257]) {
  test(`temperature 0 takes the largest logit, the lowest id of equals, V = ${vocabulary}`, async () => {
    const distinct = randomNumbers(vocabulary, 6, 3);
    const tied = distinct.map((x) => Math.round(x));
    const rows = [distinct, tied, tied.map(() => -3)];
    const states = rows.map((_, episode): RowState => [0, 9, 0, episode]);
    const { tokens, logProbs } = await drawOnce(rows, states, {
      ...plain,
      temperature: 0,
      topK: 3,
    });
    rows.forEach((row, r) => {
      const largest = row.reduce((a, b) => Math.max(a, b));
      expect(tokens[r * 4]).toBe(row.indexOf(largest));
      expect(Math.abs(logProbs[r * 4] - logSoftmax(row)[tokens[r * 4]])).toBeLessThan(1e-5);
    });
  });
}

test("a draw does not depend on the row it stands in, nor on its neighbours", async () => {
  const rows = Array.from({ length: 9 }, (_, r) => randomNumbers(300, r, 2));
  const states = rows.map((_, r): RowState => [r % 4, 9, 0, 100 + r]);
  const options = { ...plain, temperature: 0.9, topP: 0.95 };
  const together = await drawOnce(rows, states, options);
  for (const r of rows.keys()) {
    const alone = await drawOnce([rows[r]], [states[r]], options);
    const at = r * 4 + r % 4;
    expect(alone.tokens[r % 4]).toBe(together.tokens[at]);
    expect(alone.logProbs[r % 4]).toBe(together.logProbs[at]);
  }
});

test("seed, episode and column each change the draws", async () => {
  const logits = new Float32Array(1000);
  const draws = async (seed: number, firstEpisode: number, column: number) => {
    const states = [0, 1, 2, 3].map((r): RowState => [column, 9, 0, firstEpisode + r]);
    const { tokens } = await drawOnce(states.map(() => logits), states, { ...plain, seed });
    return states.map((_, r) => tokens[r * 4 + column]).join();
  };
  const all = [
    await draws(1, 0, 0),
    await draws(2, 0, 0),
    await draws(1, 4, 0),
    await draws(1, 0, 1),
  ];
  expect(new Set(all).size).toBe(4);
});

test("rows end at an end id, at their limit, or at the buffer's end; done rows are left alone", async () => {
  const certain = Float32Array.of(-50, -50, 50, -50, -50); // always draws 2
  const states: RowState[] = [
    [0, 9, 0, 0], // goes on
    [1, 2, 0, 1], // reaches its limit
    [3, 9, 0, 2], // reaches the last column
    [1, 9, 1, 3], // is done
    [2, 2, 0, 4], // has no room
    [5, 9, 0, 5], // lies beyond the buffer
  ];
  const rows = states.map(() => certain);
  const { tokens, logProbs, state } = await drawOnce(rows, states, plain, { ends: [4, 0] });
  expect([...state]).toEqual(
    [[1, 9, 0, 0], [2, 2, 1, 1], [4, 9, 1, 2], [1, 9, 1, 3], [2, 2, 1, 4], [5, 9, 1, 5]].flat(),
  );
  const written = [[2, 7, 7, 7], [7, 2, 7, 7], [7, 7, 7, 2], [7, 7, 7, 7], [7, 7, 7, 7], [
    7,
    7,
    7,
    7,
  ]];
  expect([...tokens]).toEqual(written.flat());
  expect([...logProbs]).toEqual(written.flat().map((token) => token === 2 ? 0 : 7));

  const ended = await drawOnce(rows, states, plain, { ends: [4, 2] });
  expect([...ended.state].filter((_, i) => i % 4 === 2)).toEqual([1, 1, 1, 1, 1, 1]);
});

test("logits that are not finite show in the log-probability, and the row still moves on", async () => {
  const bad = [[0, NaN, 1], [NaN, NaN, NaN], [0, Infinity, 1], [-Infinity, -Infinity, -Infinity]]
    .map((row) => Float32Array.from(row));
  const states = bad.map((_, episode): RowState => [0, 9, 0, episode]);
  for (const temperature of [0, 1]) {
    const { tokens, logProbs, state } = await drawOnce(bad, states, { ...plain, temperature });
    for (const r of bad.keys()) {
      expect(tokens[r * 4]).toBeLessThan(3);
      expect(logProbs[r * 4]).not.toBeFinite();
      expect(state[r * 4]).toBe(1);
    }
  }
});

test("an id with a logit of −∞ is never drawn", async () => {
  const logits = new Float32Array(130).fill(-Infinity);
  logits[64] = logits[129] = 1;
  const { tokens } = await drawMany(logits, 200, plain);
  expect([...new Set(tokens)].sort((a, b) => a - b)).toEqual([64, 129]);
});

test("wrong buffers are named", async () => {
  const engine = await testEngine();
  const buffers = {
    logits: engine.zeros([2, 3]),
    tokens: engine.zeros([2, 4], "u32"),
    logProbs: engine.zeros([2, 4]),
    state: engine.zeros([2, 4], "u32"),
    ends: engine.integers([]),
    next: engine.zeros([2, 2], "u32"),
  };
  const wrong = { ...buffers, tokens: engine.zeros([3, 4], "u32") };
  expect(() => sampleNext(wrong, plain)).toThrow("tokens has shape [3, 4]");
  expect(() => sampleNext({ ...buffers, state: engine.zeros([2, 4]) }, plain)).toThrow("holds f32");
  const narrow = { ...buffers, next: engine.zeros([2, 1], "u32") };
  expect(() => sampleNext(narrow, plain)).toThrow("next has 1 columns for 2 rows");
  expect(() => sampleNext(buffers, { ...plain, topP: 2 })).toThrow("topP is 2");
  expect(() => sampleNext(buffers, { ...plain, seed: 1.5 })).toThrow("seed is 1.5");
});
