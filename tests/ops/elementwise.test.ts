import { expect, test } from "bun:test";
import { addInPlace, scale } from "../../engine/ops/elementwise.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { expectClose, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";

for (const count of [1, 63, 64, 65, 1000, 70000]) {
  test(`addInPlace and scale over ${count} elements`, async () => {
    const engine = await testEngine();
    const a = randomNumbers(count, 1), b = randomNumbers(count, 2);
    const x = engine.tensor(b), total = engine.tensor(a);
    addInPlace(total, x, 0.5);
    expectClose(await total.read(), a.map((value, i) => value + 0.5 * b[i]), 1e-6);

    const tape = new Tape();
    tape.watch(x);
    const y = engine.record(tape, () => scale(x, -3));
    expectClose(await y.read(), b.map((value) => -3 * value), 1e-6);
    tape.backward(y, engine.tensor(a));
    expectClose(await tape.gradient(x)!.read(), a.map((value) => -3 * value), 1e-6);
  });
}

test("a size mismatch names both shapes", async () => {
  const engine = await testEngine();
  expect(() => addInPlace(engine.zeros([3]), engine.zeros([2, 2]))).toThrow("[3] and [2,2]");
});
