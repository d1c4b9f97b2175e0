import { expect, test } from "bun:test";
import { gatherRows, scatterValues } from "../../engine/ops/gather.ts";
import { testEngine } from "../support/engine.ts";
import { checkFamily } from "../support/check.ts";

checkFamily("gather");

test("an index outside gathers zeros and scatters nothing", async () => {
  const engine = await testEngine();
  const index = engine.integers([2, 4294967295, 0]);
  const gathered = gatherRows(engine.tensor([1, 2, 3, 4], [2, 2]), index);
  expect([...await gathered.read()]).toEqual([0, 0, 0, 0, 1, 2]);
  const scattered = scatterValues(engine.tensor([5, 6, 7]), index, [2]);
  expect([...await scattered.read()]).toEqual([7, 0]);
});

test("no rows gather to nothing, and no values scatter to zeros", async () => {
  const engine = await testEngine();
  const none = engine.integers([]);
  expect((await gatherRows(engine.zeros([2, 3]), none).read()).length).toBe(0);
  expect([...await scatterValues(engine.empty([0]), none, [3]).read()]).toEqual([0, 0, 0]);
});

test("gather and scatter name what does not fit", async () => {
  const engine = await testEngine();
  expect(() => gatherRows(engine.zeros([3]), engine.integers([0])))
    .toThrow("gatherRows: x has shape [3], expected [any, any]");
  expect(() => gatherRows(engine.zeros([3, 1]), engine.zeros([1])))
    .toThrow("gatherRows: rows holds f32, expected u32");
  expect(() => scatterValues(engine.zeros([3]), engine.integers([0, 1]), [4]))
    .toThrow("scatterValues: index has shape [2], expected [3]");
});
