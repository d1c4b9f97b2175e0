import { expect, test } from "bun:test";
import { scale } from "../../engine/ops/elementwise.ts";
import { reshape } from "../../engine/ops/reshape.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { testEngine } from "../support/engine.ts";

test("another shape, the same numbers, and the gradient in the first shape", async () => {
  const engine = await testEngine();
  const x = engine.tensor([1, 2, 3, 4, 5, 6], [2, 3]);
  const tape = new Tape();
  tape.watch(x);
  const y = engine.record(tape, () => scale(reshape(x, [6]), 2));
  expect(y.shape).toEqual([6]);
  tape.backward(y, engine.tensor([1, 0, 0, 0, 0, -1]));
  expect([...await tape.gradient(x)!.read()]).toEqual([2, 0, 0, 0, 0, -2]);
  expect(tape.gradient(x)!.shape).toEqual([2, 3]);
  expect(() => reshape(x, [5])).toThrow("cannot be seen as");
});
