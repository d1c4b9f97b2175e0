import { expect, test } from "bun:test";
import { softmax } from "../../engine/ops/softmax.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { dot, expectClose, numericalGradients, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";
import { logSoftmax, rowsOf } from "../support/softmax.ts";

/** Row softmax in float64. */
function reference(x: Float32Array | Float64Array, columns: number): number[] {
  return rowsOf(x, columns).flatMap((row) => [...logSoftmax(row).map(Math.exp)]);
}

for (const [rows, columns] of [[1, 1], [3, 2], [5, 37], [2, 64], [7, 65], [3, 1000], [2, 50257]]) {
  test(`softmax of [${rows}, ${columns}]`, async () => {
    const engine = await testEngine();
    const data = randomNumbers(rows * columns, 1, 4), weight = randomNumbers(rows * columns, 2);
    const x = engine.tensor(data, [rows, columns]);
    const tape = new Tape();
    tape.watch(x);
    const out = engine.record(tape, () => softmax(x));
    const expected = reference(data, columns);
    expectClose(await out.read(), expected, 1e-6);

    tape.backward(out, engine.tensor(weight, [rows, columns]));
    const gradient = rowsOf(weight, columns).flatMap((upstream, r) => {
      const p = expected.slice(r * columns, (r + 1) * columns);
      const mean = dot(p, upstream);
      return p.map((p, j) => p * (upstream[j] - mean));
    });
    expectClose(await tape.gradient(x)!.read(), gradient, 2e-6);
  });
}

test("the gradient is that of finite differences", async () => {
  const engine = await testEngine();
  const data = randomNumbers(4 * 9, 3, 2), weight = randomNumbers(4 * 9, 4);
  const x = engine.tensor(data, [4, 9]);
  const tape = new Tape();
  tape.watch(x);
  const out = engine.record(tape, () => softmax(x));
  tape.backward(out, engine.tensor(weight, [4, 9]));
  const [expected] = numericalGradients((x) => dot(reference(x, 9), weight), [data]);
  expectClose(await tape.gradient(x)!.read(), expected, 1e-5);
});

test("large logits neither overflow nor move the result", async () => {
  const engine = await testEngine();
  const out = softmax(engine.tensor([1e4, 1e4 - 1, -1e4, 3e38, 3e38, -3e38], [2, 3]));
  const e = Math.exp(-1);
  expectClose(await out.read(), [1 / (1 + e), e / (1 + e), 0, 0.5, 0.5, 0], 1e-6);
});

test("more rows than one axis of the grid holds", async () => {
  const engine = await testEngine();
  const data = randomNumbers(70000 * 2, 5);
  const out = softmax(engine.tensor(data, [70000, 2]));
  expectClose(await out.read(), reference(data, 2), 1e-6);
});

test("a shape other than [R, V] is refused", async () => {
  const engine = await testEngine();
  expect(() => softmax(engine.zeros([2, 3, 4]))).toThrow("softmax: x has shape [2, 3, 4]");
});
