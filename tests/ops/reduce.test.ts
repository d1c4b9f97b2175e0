import { expect, test } from "bun:test";
import { columnSums } from "../../engine/ops/reduce.ts";
import { expectClose, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";

for (const [rows, columns] of [[1, 1], [3, 65], [101, 7], [64, 64], [1000, 130]]) {
  test(`columnSums adds the sums over ${rows} rows of ${columns} columns`, async () => {
    const engine = await testEngine();
    const x = randomNumbers(rows * columns, 1), before = randomNumbers(columns, 2);
    const total = engine.tensor(before);
    columnSums(engine.tensor(x, [rows, columns]), total);
    const expected = Float64Array.from(before);
    x.forEach((value, i) => expected[i % columns] += value);
    expectClose(await total.read(), expected, 1e-6);
  });
}

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
