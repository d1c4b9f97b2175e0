import { expect, test } from "bun:test";
import { layerNormReference } from "../../engine/check/families/layernorm.ts";
import { layerNorm } from "../../engine/ops/layernorm.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { checkFamily } from "../support/check.ts";
import { expectClose, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";

checkFamily("layernorm");

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
  expectClose(await out.read(), layerNormReference(x, weight, bias, epsilon), 1e-6);

  tape.backward(out, engine.tensor(seed, [rows, columns]));
  const [ones, zeros] = [new Float64Array(columns).fill(1), new Float64Array(columns)];
  const expected = Float64Array.from(before), expectedBias = Float64Array.from(beforeBias);
  layerNormReference(x, ones, zeros, epsilon).forEach((value, i) => {
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
  expectClose(await out.read(), layerNormReference(x, weight, bias, 1e-5), 2e-4);
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
