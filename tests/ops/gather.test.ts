import { expect, test } from "bun:test";
import { gatherRows, scatterValues } from "../../engine/ops/gather.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";

/** `count` distinct integers below `bound`, in no order. */
function distinct(count: number, bound: number, seed: number): Uint32Array {
  const keys = randomNumbers(bound, seed);
  const shuffled = Array.from(keys, (_, i) => i).sort((a, b) => keys[a] - keys[b]);
  return Uint32Array.from(shuffled.slice(0, count));
}

for (const [rows, columns, count] of [[1, 1, 1], [9, 65, 4], [130, 7, 130], [300, 64, 101]]) {
  test(`gatherRows of ${count} rows of [${rows}, ${columns}] and its gradient`, async () => {
    const engine = await testEngine();
    const x = randomNumbers(rows * columns, 1), seed = randomNumbers(count * columns, 2);
    const picked = distinct(count, rows, 3);
    const input = engine.tensor(x, [rows, columns]), tape = new Tape();
    tape.watch(input);
    const out = engine.record(tape, () => gatherRows(input, engine.integers(picked)));
    const at = (i: number) => picked[Math.floor(i / columns)] * columns + i % columns;
    expect(out.shape).toEqual([count, columns]);
    expect(await out.read()).toEqual(Float32Array.from(seed, (_, i) => x[at(i)]));

    tape.backward(out, engine.tensor(seed, out.shape));
    const expected = new Float32Array(rows * columns);
    seed.forEach((value, i) => expected[at(i)] = value);
    expect(await tape.gradient(input)!.read()).toEqual(expected);
  });

  test(`scatterValues of ${count} values into [${rows}, ${columns}] and its gradient`, async () => {
    const engine = await testEngine();
    const values = randomNumbers(count, 4), seed = randomNumbers(rows * columns, 5);
    const places = distinct(count, rows * columns, 6);
    const input = engine.tensor(values), index = engine.integers(places), tape = new Tape();
    tape.watch(input);
    const out = engine.record(tape, () => scatterValues(input, index, [rows, columns]));
    const expected = new Float32Array(rows * columns);
    values.forEach((value, i) => expected[places[i]] = value);
    expect(out.shape).toEqual([rows, columns]);
    expect(await out.read()).toEqual(expected);

    tape.backward(out, engine.tensor(seed, out.shape));
    expect(await tape.gradient(input)!.read()).toEqual(Float32Array.from(places, (i) => seed[i]));
  });
}

test("an index outside gathers zeros and scatters nothing", async () => {
  const engine = await testEngine();
  const index = engine.integers([2, 4294967295, 0]);
  const gathered = gatherRows(engine.tensor([1, 2, 3, 4], [2, 2]), index);
  expect([...await gathered.read()]).toEqual([0, 0, 0, 0, 1, 2]);
  const scattered = scatterValues(engine.tensor([5, 6, 7]), index, [2]);
  expect([...await scattered.read()]).toEqual([7, 0]);
});

test("no rows gather to nothing, and no values scatter to zeros", async () => {
  const engine = await testEngine();
  const none = engine.integers([]);
  expect((await gatherRows(engine.zeros([2, 3]), none).read()).length).toBe(0);
  expect([...await scatterValues(engine.empty([0]), none, [3]).read()]).toEqual([0, 0, 0]);
});

test("gather and scatter name what does not fit", async () => {
  const engine = await testEngine();
  expect(() => gatherRows(engine.zeros([3]), engine.integers([0])))
    .toThrow("gatherRows: x has shape [3], expected [any, any]");
  expect(() => gatherRows(engine.zeros([3, 1]), engine.zeros([1])))
    .toThrow("gatherRows: rows holds f32, expected u32");
  expect(() => scatterValues(engine.zeros([3]), engine.integers([0, 1]), [4]))
    .toThrow("scatterValues: index has shape [2], expected [3]");
});
