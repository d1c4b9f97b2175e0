import { expect, test } from "bun:test";
import { layerNorm } from "../../engine/ops/layernorm.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { dot, expectClose, numericalGradients, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";

function reference(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias: ArrayLike<number>,
  epsilon: number,
): Float64Array {
  const columns = weight.length, out = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += columns) {
    const row = Array.from({ length: columns }, (_, c) => x[start + c]);
    const mean = row.reduce((sum, value) => sum + value, 0) / columns;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / columns;
    row.forEach((value, c) =>
      out[start + c] = (value - mean) / Math.sqrt(variance + epsilon) * weight[c] + bias[c]
    );
  }
  return out;
}

for (const [rows, columns] of [[1, 1], [3, 65], [70, 5], [2, 64], [5, 200]]) {
  test(`layerNorm and its gradients over [${rows}, ${columns}]`, async () => {
    const engine = await testEngine();
    const shape = [rows, columns], epsilon = 0.1;
    const x = randomNumbers(rows * columns, 1).map((value) => value + 2);
    const values = [x, randomNumbers(columns, 2), randomNumbers(columns, 3)];
    const seed = randomNumbers(rows * columns, 4);
    const tensors = values.map((data, i) => engine.tensor(data, i === 0 ? shape : [columns]));

    const tape = new Tape();
    for (const tensor of tensors) tape.watch(tensor);
    const [input, weight, bias] = tensors;
    const out = engine.record(tape, () => layerNorm(input, weight, bias, epsilon));
    expectClose(await out.read(), reference(values[0], values[1], values[2], epsilon), 1e-6);

    tape.backward(out, engine.tensor(seed, shape));
    const expected = numericalGradients(
      (x, weight, bias) => dot(reference(x, weight, bias, epsilon), seed),
      values,
    );
    for (const [i, tensor] of tensors.entries()) {
      expectClose(await tape.gradient(tensor)!.read(), expected[i], 1e-5);
    }
  });
}

test("layerNorm over more columns and rows than lanes and a chunk, added to what is there", async () => {
  const engine = await testEngine();
  const rows = 300, columns = 1000, epsilon = 1e-5;
  const [x, seed] = [randomNumbers(rows * columns, 5), randomNumbers(rows * columns, 6)];
  const [weight, bias] = [randomNumbers(columns, 7), randomNumbers(columns, 8)];
  const [before, beforeBias] = [randomNumbers(columns, 9), randomNumbers(columns, 10)];
  const input = engine.tensor(x, [rows, columns]), tape = new Tape();
  const [scale, shift] = [engine.tensor(weight), engine.tensor(bias)];
  tape.watch(scale, engine.tensor(before));
  tape.watch(shift, engine.tensor(beforeBias));
  const out = engine.record(tape, () => layerNorm(input, scale, shift, epsilon));
  expectClose(await out.read(), reference(x, weight, bias, epsilon), 1e-6);

  tape.backward(out, engine.tensor(seed, [rows, columns]));
  const [ones, zeros] = [new Float64Array(columns).fill(1), new Float64Array(columns)];
  const expected = Float64Array.from(before), expectedBias = Float64Array.from(beforeBias);
  reference(x, ones, zeros, epsilon).forEach((value, i) => {
    expected[i % columns] += seed[i] * value;
    expectedBias[i % columns] += seed[i];
  });
  expectClose(await tape.gradient(scale)!.read(), expected, 2e-6);
  expectClose(await tape.gradient(shift)!.read(), expectedBias, 2e-6);
  expect(tape.gradient(input)).toBeNull();
});

test("a mean far above the deviation costs no more digits than x itself has lost", async () => {
  const engine = await testEngine();
  const columns = 777;
  // Sums of these are exact in f32: what is lost would be lost by the kernel.
  const x = Float32Array.from({ length: columns }, (_, c) => 4096 + (c * 37 % 64) / 32);
  const [weight, bias] = [new Float32Array(columns).fill(1), new Float32Array(columns)];
  const input = engine.tensor(x, [1, columns]);
  const out = layerNorm(input, engine.tensor(weight), engine.tensor(bias), 1e-5);
  expectClose(await out.read(), reference(x, weight, bias, 1e-5), 2e-4);
});

test("a row of equal numbers is the bias", async () => {
  const engine = await testEngine();
  const x = engine.tensor(new Float32Array(15).fill(3.7), [3, 5]);
  const weight = engine.tensor([1, 2, 3, 4, 5]), bias = [5, 4, 3, 2, 1];
  const out = layerNorm(x, weight, engine.tensor(bias), 1e-5);
  expectClose(await out.read(), [...bias, ...bias, ...bias], 1e-4);
});

test("layerNorm names a bias of another width", async () => {
  const engine = await testEngine();
  const [x, weight, bias] = [engine.zeros([2, 3]), engine.zeros([3]), engine.zeros([4])];
  expect(() => layerNorm(x, weight, bias, 1e-5))
    .toThrow("layerNorm: bias has shape [4], expected [3]");
});
