import { expect, test } from "bun:test";
import { columnSums } from "../../engine/ops/reduce.ts";
import { testEngine } from "../support/engine.ts";
import { checkFamily } from "../support/check.ts";

checkFamily("reduce");

test("columnSums of no rows leaves the total as it is", async () => {
  const engine = await testEngine();
  const total = engine.tensor([1, 2, 3]);
  columnSums(engine.empty([0, 3]), total);
  expect([...await total.read()]).toEqual([1, 2, 3]);
});

test("columnSums names a total of another width", async () => {
  const engine = await testEngine();
  expect(() => columnSums(engine.zeros([2, 3]), engine.zeros([4])))
    .toThrow("columnSums: total has shape [4], expected [3]");
});
