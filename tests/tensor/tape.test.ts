import { expect, test } from "bun:test";
import type { Engine } from "../../engine/gpu/engine.ts";
import { scale } from "../../engine/ops/elementwise.ts";
import { linear } from "../../engine/ops/matmul.ts";
import { addInPlace } from "../../engine/tensor/add-in-place.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import type { Tensor } from "../../engine/tensor/tensor.ts";
import { testEngine } from "../support/engine.ts";

/** Watches `inputs`, records `body`, and runs backward from its result with upstream 1. */
function differentiate(engine: Engine, inputs: Tensor[], body: () => Tensor): Tape {
  const tape = new Tape();
  for (const input of inputs) tape.watch(input);
  const out = engine.record(tape, body);
  tape.backward(out, engine.tensor(new Float32Array(out.size).fill(1), out.shape));
  return tape;
}

const numbers = async (tensor: Tensor | null) => tensor && [...await tensor.read()];

test("gradients of a tensor used several times add up", async () => {
  const engine = await testEngine();
  const x = engine.tensor([1, 2], [1, 2]), identity = engine.tensor([1, 0, 0, 1], [2, 2]);
  // out = 5·(2x + x) + x, by the residual input of `linear`
  const tape = differentiate(engine, [x], () => {
    const sum = linear(scale(x, 2), identity, { residual: x });
    return linear(scale(sum, 5), identity, { residual: x });
  });
  expect(await numbers(tape.gradient(x))).toEqual([16, 16]);
});

test("an upstream gradient that is handed on is not changed by what is added to it", async () => {
  const engine = await testEngine();
  const x = engine.tensor([1, 1], [1, 2]), y = engine.tensor([1, 1], [1, 2]);
  const weight = engine.tensor([2, 0, 0, 3], [2, 2]);
  // out = W(Wx + y) + (Wx + y): the same upstream reaches two places
  const tape = differentiate(engine, [x, y, weight], () => {
    const inner = linear(x, weight, { residual: y });
    return linear(inner, weight, { residual: inner });
  });
  expect(await numbers(tape.gradient(y))).toEqual([3, 4]);
  expect(await numbers(tape.gradient(x))).toEqual([6, 12]);
  expect(await numbers(tape.gradient(weight))).toEqual([6, 7, 7, 8]);
});

test("only what leads to a watched tensor is recorded, and only it gets a gradient", async () => {
  const engine = await testEngine();
  const x = engine.tensor([1]), other = engine.tensor([1]);
  const tape = new Tape();
  tape.watch(x);
  const [used, unused] = engine.record(tape, () => [scale(x, 2), scale(other, 3)]);
  const outside = scale(x, 4); // not within `record`
  expect([used, unused, outside].map((tensor) => tape.tracks(tensor))).toEqual([
    true,
    false,
    false,
  ]);
  expect(() => tape.backward(unused)).toThrow("leads to the tensor of shape [1]");
  tape.backward(used);
  expect(await numbers(tape.gradient(x))).toEqual([2]);
  expect(tape.gradient(other)).toBeNull();
});

test("a watched tensor that the loss does not depend on has no gradient", async () => {
  const engine = await testEngine();
  const x = engine.tensor([1]), y = engine.tensor([1]);
  const tape = differentiate(engine, [x, y], () => (scale(y, 9), scale(x, 2)));
  expect(await numbers(tape.gradient(x))).toEqual([2]);
  expect(tape.gradient(y)).toBeNull();
});

test("gradients are added to a given accumulator", async () => {
  const engine = await testEngine();
  const x = engine.tensor([1, 1]), sum = engine.tensor([10, 20]);
  for (const factor of [2, 3]) {
    const tape = new Tape();
    tape.watch(x, sum);
    tape.backward(engine.record(tape, () => scale(x, factor)), engine.tensor([1, 1]));
  }
  expect(await numbers(sum)).toEqual([15, 25]);
});

test("backward from several outputs is the sum of backward from each", async () => {
  const engine = await testEngine();
  const x = engine.tensor([1]);
  const tape = new Tape();
  tape.watch(x);
  const [a, b] = engine.record(tape, () => {
    const twice = scale(x, 2);
    return [twice, scale(twice, 5)];
  });
  tape.backwardFrom([[a, engine.tensor([1])], [b, engine.tensor([100])]]);
  expect(await numbers(tape.gradient(x))).toEqual([2 + 1000]);
});

test("an op of several outputs gets null for those the loss does not use", async () => {
  const engine = await testEngine();
  const x = engine.tensor([3]);
  const tape = new Tape();
  tape.watch(x);
  const seen: (number[] | null)[][] = [];
  const pair = [engine.tensor([1]), engine.tensor([2])];
  const waiting: Promise<unknown>[] = [];
  tape.recordMany("pair", [x], pair, (upstreams, sink) => {
    waiting.push(Promise.all(upstreams.map(numbers)).then((read) => seen.push(read)));
    sink.give(x, engine.tensor([7]));
  });
  tape.backward(pair[1], engine.tensor([5]));
  await Promise.all(waiting);
  expect(seen).toEqual([[null, [5]]]);
  expect(await numbers(tape.gradient(x))).toEqual([7]);
});

test("backward frees every gradient but those of watched tensors", async () => {
  const engine = await testEngine();
  const x = engine.tensor(new Float32Array(64).fill(1), [8, 8]);
  const weight = engine.tensor(new Float32Array(64).fill(1), [8, 8]);
  const frozen = engine.tensor(new Float32Array(64).fill(1), [8, 8]);
  const { live } = engine.memory;
  const tape = new Tape();
  tape.watch(weight);
  engine.scope(() => {
    const out = engine.record(tape, () => {
      const hidden = linear(x, weight, { residual: x });
      return scale(linear(hidden, frozen, { residual: hidden }), 0.5);
    });
    const recorded = engine.memory.live;
    tape.backward(out, engine.tensor(new Float32Array(64).fill(1), [8, 8]));
    expect(engine.memory.live - recorded).toBe(256); // the weight's gradient
    return tape.gradient(weight);
  });
  expect(engine.memory.live - live).toBe(256);
  const total = engine.zeros([8, 8]);
  addInPlace(total, tape.gradient(weight)!);
  expect((await total.read()).every((value) => value === 36)).toBe(true);
});
