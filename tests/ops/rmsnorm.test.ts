import { expect, test } from "bun:test";
import { rmsNorm } from "../../engine/ops/rmsnorm.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { dot, expectClose, numericalGradients, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";

function reference(x: ArrayLike<number>, weight: ArrayLike<number>, epsilon: number): Float64Array {
  const columns = weight.length, out = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += columns) {
    let squares = 0;
    for (let c = 0; c < columns; c++) squares += x[start + c] ** 2;
    const inverse = 1 / Math.sqrt(squares / columns + epsilon);
    for (let c = 0; c < columns; c++) out[start + c] = x[start + c] * inverse * weight[c];
  }
  return out;
}

for (const [rows, columns] of [[1, 1], [3, 65], [70, 5], [2, 64], [5, 200]]) {
  test(`rmsNorm and its gradients over [${rows}, ${columns}]`, async () => {
    const engine = await testEngine();
    const x = randomNumbers(rows * columns, 1), weight = randomNumbers(columns, 2);
    // Large enough to matter: with one column and epsilon near 0 the gradient cancels to nothing.
    const seed = randomNumbers(rows * columns, 3), epsilon = 0.1;
    const tensors = [engine.tensor(x, [rows, columns]), engine.tensor(weight)];

    const tape = new Tape();
    for (const tensor of tensors) tape.watch(tensor);
    const out = engine.record(tape, () => rmsNorm(tensors[0], tensors[1], epsilon));
    expectClose(await out.read(), reference(x, weight, epsilon), 1e-6);

    tape.backward(out, engine.tensor(seed, [rows, columns]));
    const expected = numericalGradients(
      (x, weight) => dot(reference(x, weight, epsilon), seed),
      [x, weight],
    );
    for (const [i, tensor] of tensors.entries()) {
      expectClose(await tape.gradient(tensor)!.read(), expected[i], 1e-5);
    }
  });
}

test("rmsNorm over more columns and rows than lanes and a chunk", async () => {
  const engine = await testEngine();
  const rows = 300, columns = 1000, epsilon = 1e-6;
  const x = randomNumbers(rows * columns, 4), weight = randomNumbers(columns, 5);
  const seed = randomNumbers(rows * columns, 6);
  const input = engine.tensor(x, [rows, columns]), scale = engine.tensor(weight);
  const tape = new Tape(), before = randomNumbers(columns, 7);
  tape.watch(scale, engine.tensor(before));
  const out = engine.record(tape, () => rmsNorm(input, scale, epsilon));
  expectClose(await out.read(), reference(x, weight, epsilon), 1e-6);

  tape.backward(out, engine.tensor(seed, [rows, columns]));
  const normalised = reference(x, new Float64Array(columns).fill(1), epsilon);
  const expected = Float64Array.from(before);
  normalised.forEach((value, i) => expected[i % columns] += seed[i] * value);
  expectClose(await tape.gradient(scale)!.read(), expected, 1e-6);
  expect(tape.gradient(input)).toBeNull();
});

test("a row of zeros and a row of tiny numbers have exact outputs and gradients", async () => {
  const engine = await testEngine();
  const x = Float32Array.of(0, 0, 0, 1e-18, -2e-18, 3e-18), weight = [1, 2, 3], epsilon = 1e-30;
  const seed = [1, 1, 1, 1, 1, 1];
  const input = engine.tensor(x, [2, 3]), tape = new Tape();
  tape.watch(input);
  const out = engine.record(tape, () => rmsNorm(input, engine.tensor(weight), epsilon));
  tape.backward(out, engine.tensor(seed, [2, 3]));
  expectClose(await out.read(), reference(x, weight, epsilon), 1e-5);
  // The rows are far below √epsilon, so the op is linear there.
  const expected = [...weight, ...weight].map((w) => w / Math.sqrt(epsilon));
  expectClose(await tape.gradient(input)!.read(), expected, 1e-5);
});

test("rmsNorm names a weight of another width", async () => {
  const engine = await testEngine();
  expect(() => rmsNorm(engine.zeros([2, 3]), engine.zeros([4]), 1e-5))
    .toThrow("rmsNorm: weight has shape [4], expected [3]");
});
