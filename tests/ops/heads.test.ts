import { expect, test } from "bun:test";
import { type FusedOrder, resizeHeads, splitHeads } from "../../engine/ops/heads.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { expectClose, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";

/** Parts 0, 1, 2 (queries, keys, values) of fused rows, one after the other. */
function split(fused: ArrayLike<number>, [N, H, D]: number[], order: FusedOrder): Float64Array {
  const out = new Float64Array(fused.length);
  for (let i = 0; i < fused.length; i++) {
    const part = Math.floor(i / (N * H * D)), d = i % D, h = Math.floor(i / D) % H;
    const n = Math.floor(i / (H * D)) % N;
    const column = order === "blocks" ? (part * H + h) * D + d : (h * 3 + part) * D + d;
    out[i] = fused[n * 3 * H * D + column];
  }
  return out;
}

for (const order of ["blocks", "heads"] as const) {
  for (const sizes of [[1, 1, 1], [3, 2, 5], [7, 3, 16], [33, 4, 10]]) {
    test(`splitHeads (${order}) and its gradient, N, H, D = ${sizes}`, async () => {
      const engine = await testEngine();
      const [N, H, D] = sizes, size = N * H * D;
      const fused = randomNumbers(3 * size, 1), seed = randomNumbers(3 * size, 2);
      const input = engine.tensor(fused, [N, 3 * H * D]), tape = new Tape();
      tape.watch(input);
      const parts = engine.record(tape, () => splitHeads(input, H, order));
      const values = await Promise.all(parts.map((part) => part.read()));
      expectClose(values.flatMap((part) => [...part]), split(fused, sizes, order), 0);

      tape.backwardFrom(
        parts.map((part, i) =>
          [part, engine.tensor(seed.slice(i * size, (i + 1) * size), part.shape)] as const
        ),
      );
      // split moves number places[i] to place i, so its gradient moves them back.
      const places = split(fused.map((_, i) => i), sizes, order);
      const expected = new Float64Array(3 * size);
      places.forEach((place, i) => expected[place] = seed[i]);
      expectClose(await tape.gradient(input)!.read(), expected, 0);
    });
  }
}

test("a part that nothing depends on has a gradient of zeros", async () => {
  const engine = await testEngine();
  const input = engine.tensor(randomNumbers(12, 3), [2, 6]), tape = new Tape();
  tape.watch(input);
  const [, keys] = engine.record(tape, () => splitHeads(input, 1, "blocks"));
  tape.backward(keys, engine.tensor([1, 2, 3, 4], [2, 2]));
  expect([...await tape.gradient(input)!.read()]).toEqual([0, 0, 1, 2, 0, 0, 0, 0, 3, 4, 0, 0]);
});

for (const [from, to] of [[10, 12], [12, 10], [1, 4], [65, 68], [4, 4]]) {
  test(`resizeHeads from ${from} to ${to} and its gradient`, async () => {
    const engine = await testEngine();
    const rows = 5, heads = 3;
    const resized = (x: ArrayLike<number>, from: number, to: number) =>
      Array.from(
        { length: rows * heads * to },
        (_, i) => i % to < from ? x[Math.floor(i / to) * from + i % to] : 0,
      );
    const x = randomNumbers(rows * heads * from, 4), seed = randomNumbers(rows * heads * to, 5);
    const input = engine.tensor(x, [rows, heads * from]), tape = new Tape();
    tape.watch(input);
    const out = engine.record(tape, () => resizeHeads(input, from, to));
    expect(out.shape).toEqual([rows, heads * to]);
    expectClose(await out.read(), resized(x, from, to), 0);
    tape.backward(out, engine.tensor(seed, out.shape));
    expectClose(await tape.gradient(input)!.read(), resized(seed, to, from), 0);
  });
}

test("columns that are no whole heads are refused", async () => {
  const engine = await testEngine();
  expect(() => splitHeads(engine.zeros([2, 10]), 2, "heads"))
    .toThrow("splitHeads: 10 columns are not three times 2 whole heads");
  expect(() => resizeHeads(engine.zeros([2, 10]), 4, 8))
    .toThrow("resizeHeads: 10 columns are no whole number of heads of 4");
});
