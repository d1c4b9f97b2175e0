import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { frequencyTable, rotary } from "../../engine/ops/rotary.ts";
import type { Engine } from "../../engine/gpu/engine.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { dot, expectClose, numericalGradients, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";

interface Options {
  headSize: number;
  theta: number;
  rotarySize?: number;
}

const radians = ({ headSize, theta, rotarySize = headSize }: Options) =>
  Array.from({ length: rotarySize / 2 }, (_, i) => theta ** (-2 * i / rotarySize));

/** The options that the op takes. */
const turning = (engine: Engine, options: Options) => ({
  headSize: options.headSize,
  frequencies: engine.integers(frequencyTable(radians(options))),
});

function reference(
  x: ArrayLike<number>,
  positions: ArrayLike<number>,
  { headSize, theta, rotarySize = headSize }: Options,
): Float64Array {
  const out = Float64Array.from(x), columns = x.length / positions.length;
  for (let row = 0; row < positions.length; row++) {
    for (let start = row * columns; start < (row + 1) * columns; start += headSize) {
      for (let i = 0; i < rotarySize / 2; i++) {
        const angle = positions[row] * theta ** (-2 * i / rotarySize);
        const a = start + i, b = a + rotarySize / 2;
        out[a] = x[a] * Math.cos(angle) - x[b] * Math.sin(angle);
        out[b] = x[b] * Math.cos(angle) + x[a] * Math.sin(angle);
      }
    }
  }
  return out;
}

const cases: { rows: number; heads: number; options: Options }[] = [
  { rows: 1, heads: 1, options: { headSize: 2, theta: 10000 } },
  { rows: 7, heads: 3, options: { headSize: 10, theta: 500 } },
  { rows: 3, heads: 2, options: { headSize: 7, theta: 10000, rotarySize: 4 } },
  { rows: 2, heads: 2, options: { headSize: 64, theta: 100000 } },
];
for (const { rows, heads, options } of cases) {
  test(`rotary and its gradient: ${rows} rows, ${heads} heads, ${JSON.stringify(options)}`, async () => {
    const engine = await testEngine();
    const shape = [rows, heads * options.headSize], size = shape[0] * shape[1];
    const x = randomNumbers(size, 1), seed = randomNumbers(size, 2);
    const positions = Uint32Array.from({ length: rows }, (_, i) => 5 * i + 3);
    const input = engine.tensor(x, shape), tape = new Tape();
    tape.watch(input);
    const out = engine.record(
      tape,
      () => rotary(input, engine.integers(positions), turning(engine, options)),
    );
    expectClose(await out.read(), reference(x, positions, options), 1e-6);

    tape.backward(out, engine.tensor(seed, shape));
    const [expected] = numericalGradients((x) => dot(reference(x, positions, options), seed), [x]);
    expectClose(await tape.gradient(input)!.read(), expected, 1e-6);
  });
}

for (const theta of [10000, 500000]) {
  test(`angles at positions up to 4096 agree with float64, theta ${theta}`, async () => {
    const engine = await testEngine();
    const positions = Uint32Array.from({ length: 1025 }, (_, i) => 4 * i);
    const options = { headSize: 128, theta };
    const x = randomNumbers(positions.length * 128, 3);
    const input = engine.tensor(x, [positions.length, 128]);
    const out = rotary(input, engine.integers(positions), turning(engine, options));
    expectClose(await out.read(), reference(x, positions, options), 1e-5);
  });
}

test("scores of turned queries and keys depend on the distance alone", async () => {
  const engine = await testEngine();
  const positions = fc.record({ at: fc.nat(2000), distance: fc.nat(90), shift: fc.nat(2000) });
  await fc.assert(
    fc.asyncProperty(positions, async ({ at, distance, shift }) => {
      const query = randomNumbers(16, 4), key = randomNumbers(16, 5);
      const rows = [query, key, query, key].flatMap((row) => [...row]);
      const places = [at + distance, at, at + distance + shift, at + shift];
      const input = engine.tensor(rows, [4, 16]);
      const options = { headSize: 16, theta: 10000 };
      const out = await rotary(input, engine.integers(places), turning(engine, options)).read();
      const [q, k, qShifted, kShifted] = [0, 16, 32, 48].map((i) => out.subarray(i, i + 16));
      expect(Math.abs(dot(q, k) - dot(qShifted, kShifted))).toBeLessThan(2e-4);
    }),
    { seed: 6, numRuns: 20 },
  );
});

test("rotary names what does not fit", async () => {
  const engine = await testEngine();
  const x = engine.zeros([2, 12]), positions = engine.integers([0, 1]);
  const call = (headSize: number, pairs: number) => () =>
    rotary(x, positions, { headSize, frequencies: engine.zeros([pairs], "u32") });
  expect(call(5, 2)).toThrow(
    "12 columns are no whole number of heads of 5",
  );
  expect(call(6, 4)).toThrow("4 frequencies turn 8 dimensions, expected 2 to 6");
  expect(call(6, 0)).toThrow("0 frequencies");
  const frequencies = engine.zeros([3]);
  expect(() => rotary(x, positions, { headSize: 6, frequencies }))
    .toThrow("rotary: frequencies holds f32, expected u32");
  const options = turning(engine, { headSize: 6, theta: 10000 });
  expect(() => rotary(x, engine.zeros([2]), options))
    .toThrow("rotary: positions holds f32, expected u32");
});
