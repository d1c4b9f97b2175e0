import { expect, test } from "bun:test";
import { rmsNormReference } from "../../engine/check/families/rmsnorm.ts";
import { rmsNorm } from "../../engine/ops/rmsnorm.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { checkFamily } from "../support/check.ts";
import { expectClose, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";

checkFamily("rmsnorm");

test("the gradient of the weight is added to what is there", async () => {
  const engine = await testEngine();
  const rows = 70, columns = 5, epsilon = 1e-6;
  const x = randomNumbers(rows * columns, 4), before = randomNumbers(columns, 7);
  const upstream = randomNumbers(rows * columns, 6);
  const scale = engine.tensor(randomNumbers(columns, 5)), tape = new Tape();
  tape.watch(scale, engine.tensor(before));
  const out = engine.record(tape, () => rmsNorm(engine.tensor(x, [rows, columns]), scale, epsilon));
  tape.backward(out, engine.tensor(upstream, [rows, columns]));
  const expected = Float64Array.from(before);
  rmsNormReference(x, new Float64Array(columns).fill(1), epsilon)
    .forEach((value, i) => expected[i % columns] += upstream[i] * value);
  expectClose(await tape.gradient(scale)!.read(), expected, 1e-6);
});

test("a row of zeros and a row of tiny numbers have exact outputs and gradients", async () => {
  const engine = await testEngine();
  const x = Float32Array.of(0, 0, 0, 1e-18, -2e-18, 3e-18), weight = [1, 2, 3], epsilon = 1e-30;
  const seed = [1, 1, 1, 1, 1, 1];
  const input = engine.tensor(x, [2, 3]), tape = new Tape();
  tape.watch(input);
  const out = engine.record(tape, () => rmsNorm(input, engine.tensor(weight), epsilon));
  tape.backward(out, engine.tensor(seed, [2, 3]));
  expectClose(await out.read(), rmsNormReference(x, weight, epsilon), 1e-5);
  // The rows are far below √epsilon, so the op is linear there.
  const expected = [...weight, ...weight].map((w) => w / Math.sqrt(epsilon));
  expectClose(await tape.gradient(input)!.read(), expected, 1e-5);
});

test("rmsNorm names a weight of another width", async () => {
  const engine = await testEngine();
  expect(() => rmsNorm(engine.zeros([2, 3]), engine.zeros([4]), 1e-5))
    .toThrow("rmsNorm: weight has shape [4], expected [3]");
});
