import { expect, test } from "bun:test";
import { launchMatmul, linear, type MatmulVariant } from "../../engine/ops/matmul.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { expectClose, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";

type Matrix = (row: number, column: number) => number;

function product(a: Matrix, b: Matrix, [rows, columns, inner]: readonly number[]): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let m = 0; m < rows; m++) {
    for (let n = 0; n < columns; n++) {
      for (let k = 0; k < inner; k++) out[m * columns + n] += a(m, k) * b(k, n);
    }
  }
  return out;
}

const shapes = [
  [1, 1, 1],
  [1, 64, 7],
  [3, 5, 2],
  [8, 16, 8],
  [9, 65, 17],
  [67, 31, 129],
  [64, 263, 48],
  [130, 1, 33],
  [2, 68, 300],
  [33, 100, 15],
] as const;
const variants: MatmulVariant[] = ["tiled", "direct", "subgroup"];

for (const variant of variants) {
  test(`matmul ${variant} in all layouts and epilogues`, async () => {
    const engine = await testEngine();
    if (variant === "subgroup" && !engine.features.subgroups) return;
    for (const shape of shapes) {
      const [rows, columns, inner] = shape;
      const left = randomNumbers(rows * inner, 1), right = randomNumbers(inner * columns, 2);
      const extra = randomNumbers(rows * columns, 3), shift = randomNumbers(columns, 4);
      for (const [transposeA, transposeB] of [[false, false], [false, true], [true, false]]) {
        const expected = product(
          (m, k) => left[transposeA ? k * rows + m : m * inner + k],
          (k, n) => right[transposeB ? n * inner + k : k * columns + n],
          shape,
        );
        const sizes = { rows, columns, inner };
        const a = engine.tensor(left), b = engine.tensor(right);
        const out = engine.tensor(randomNumbers(rows * columns, 5), [rows, columns]);
        launchMatmul({ a, b, out }, sizes, { transposeA, transposeB }, variant);
        expectClose(await out.read(), expected, 2e-6);

        const before = await out.read();
        const operands = { a, b, out, residual: engine.tensor(extra), bias: engine.tensor(shift) };
        launchMatmul(operands, sizes, { transposeA, transposeB, accumulate: true }, variant);
        const summed = expected.map((x, i) => x + before[i] + extra[i] + shift[i % columns]);
        expectClose(await out.read(), summed, 2e-6);
      }
    }
  });
}

test("linear's gradients are those of x·Wᵀ + bias + residual", async () => {
  const engine = await testEngine();
  for (const shape of [[5, 7, 3], [33, 20, 12], [1, 1, 1], [70, 263, 48]] as const) {
    const [rows, columns, inner] = shape;
    const [xs, ws, us] = [rows * inner, columns * inner, rows * columns].map((n, i) =>
      randomNumbers(n, i)
    );
    const x = engine.tensor(xs, [rows, inner]), weight = engine.tensor(ws, [columns, inner]);
    const bias = engine.tensor(randomNumbers(columns, 8)),
      residual = engine.tensor(us, [rows, columns]);
    const tape = new Tape();
    for (const input of [x, weight, bias, residual]) tape.watch(input);
    const y = engine.record(tape, () => linear(x, weight, { bias, residual }));
    tape.backward(y, engine.tensor(us, [rows, columns]));
    const upstream: Matrix = (m, n) => us[m * columns + n];
    expectClose(
      await tape.gradient(x)!.read(),
      product(upstream, (n, k) => ws[n * inner + k], [rows, inner, columns]),
      2e-6,
    );
    expectClose(
      await tape.gradient(weight)!.read(),
      product((n, m) => us[m * columns + n], (m, k) => xs[m * inner + k], [columns, inner, rows]),
      2e-6,
    );
    const ones = product(() => 1, upstream, [1, columns, rows]);
    expectClose(await tape.gradient(bias)!.read(), ones, 2e-6);
    expectClose(await tape.gradient(residual)!.read(), us, 0);
  }
});

test("linear with a weight stored [K, N] is linear with its transpose, gradients too", async () => {
  const engine = await testEngine();
  for (const [rows, columns, inner] of [[5, 7, 3], [33, 20, 12], [1, 1, 1], [70, 96, 32]]) {
    const x = randomNumbers(rows * inner, 1), seed = randomNumbers(rows * columns, 2);
    const stored = randomNumbers(inner * columns, 3);
    const turned = stored.map((_, i) => stored[(i % inner) * columns + Math.floor(i / inner)]);
    const run = async (weight: Float32Array, inputFirst: boolean) => {
      const shape = inputFirst ? [inner, columns] : [columns, inner];
      const inputs = [engine.tensor(x, [rows, inner]), engine.tensor(weight, shape)];
      const tape = new Tape();
      for (const input of inputs) tape.watch(input);
      const y = engine.record(tape, () => linear(inputs[0], inputs[1], { inputFirst }));
      tape.backward(y, engine.tensor(seed, [rows, columns]));
      return await Promise.all([y, ...inputs.map((i) => tape.gradient(i)!)].map((t) => t.read()));
    };
    const [out, dx, dw] = await run(stored, true);
    const [expectedOut, expectedDx, expectedDw] = await run(turned, false);
    expectClose(out, expectedOut, 2e-6);
    expectClose(dx, expectedDx, 2e-6);
    expectClose(
      dw.map((_, i) => dw[(i % inner) * columns + Math.floor(i / inner)]),
      expectedDw,
      2e-6,
    );
  }
});

test("a wrong shape names the argument", async () => {
  const engine = await testEngine();
  expect(() => linear(engine.zeros([2, 3]), engine.zeros([4, 5]))).toThrow(
    "linear: weight has shape [4, 5], expected [4, 3]",
  );
});
