import { expect, test } from "bun:test";
import { softmax } from "../../engine/ops/softmax.ts";
import { checkFamily } from "../support/check.ts";
import { expectClose, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";

checkFamily("softmax");

test("large logits neither overflow nor move the result", async () => {
  const engine = await testEngine();
  const out = softmax(engine.tensor([1e4, 1e4 - 1, -1e4, 3e38, 3e38, -3e38], [2, 3]));
  const e = Math.exp(-1);
  expectClose(await out.read(), [1 / (1 + e), e / (1 + e), 0, 0.5, 0.5, 0], 1e-6);
});

test("more rows than one axis of the grid holds", async () => {
  const engine = await testEngine();
  const data = randomNumbers(70000 * 2, 5);
  const out = await softmax(engine.tensor(data, [70000, 2])).read();
  const expected = data.map((x, i) => 1 / (1 + Math.exp(data[i ^ 1] - x)));
  expectClose(out, expected, 1e-6);
});

test("a shape other than [R, V] is refused", async () => {
  const engine = await testEngine();
  expect(() => softmax(engine.zeros([2, 3, 4]))).toThrow("softmax: x has shape [2, 3, 4]");
});
