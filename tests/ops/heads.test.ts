import { expect, test } from "bun:test";
import { resizeHeads, splitHeads } from "../../engine/ops/heads.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { checkFamily } from "../support/check.ts";
import { randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";

checkFamily("heads");

test("a part that nothing depends on has a gradient of zeros", async () => {
  const engine = await testEngine();
  const input = engine.tensor(randomNumbers(12, 3), [2, 6]), tape = new Tape();
  tape.watch(input);
  const [, keys] = engine.record(tape, () => splitHeads(input, 1, "blocks"));
  tape.backward(keys, engine.tensor([1, 2, 3, 4], [2, 2]));
  expect([...await tape.gradient(input)!.read()]).toEqual([0, 0, 1, 2, 0, 0, 0, 0, 3, 4, 0, 0]);
});

test("columns that are no whole heads are refused", async () => {
  const engine = await testEngine();
  expect(() => splitHeads(engine.zeros([2, 10]), 2, "heads"))
    .toThrow("splitHeads: 10 columns are not three times 2 whole heads");
  expect(() => resizeHeads(engine.zeros([2, 10]), 4, 8))
    .toThrow("resizeHeads: 10 columns are no whole number of heads of 4");
});
