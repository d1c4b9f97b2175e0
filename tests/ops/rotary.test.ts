import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { rotaryOptions, rotaryReference } from "../../engine/check/families/rotary.ts";
import { rotary } from "../../engine/ops/rotary.ts";
import { checkFamily } from "../support/check.ts";
import { dot, expectClose, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";

checkFamily("rotary");

for (const theta of [10000, 500000]) {
  test(`angles at positions up to 4096 agree with float64, theta ${theta}`, async () => {
    const engine = await testEngine();
    const positions = Uint32Array.from({ length: 1025 }, (_, i) => 4 * i);
    const options = { headSize: 128, theta };
    const x = randomNumbers(positions.length * 128, 3);
    const input = engine.tensor(x, [positions.length, 128]);
    const out = rotary(input, engine.integers(positions), rotaryOptions(engine, options));
    expectClose(await out.read(), rotaryReference(x, positions, options), 1e-5);
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
      const out = await rotary(input, engine.integers(places), rotaryOptions(engine, options))
        .read();
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
  const options = rotaryOptions(engine, { headSize: 6, theta: 10000 });
  expect(() => rotary(x, engine.zeros([2]), options))
    .toThrow("rotary: positions holds f32, expected u32");
});
