import { expect, test } from "bun:test";
import { scale } from "../../engine/ops/elementwise.ts";
import { addInPlace } from "../../engine/tensor/add-in-place.ts";
import { expectClose, randomNumbers } from "../support/compare.ts";
import { newEngine, testEngine } from "../support/engine.ts";

test("uploads, copies and launches take place in the order of the calls", async () => {
  const engine = await testEngine();
  const x = engine.tensor([1, 2]), total = engine.zeros([2]), copy = engine.zeros([2]);
  addInPlace(total, x);
  engine.write(x, Float32Array.of(10, 20));
  addInPlace(total, x);
  engine.copy(total, copy);
  engine.write(x, Float32Array.of(100, 200));
  addInPlace(total, x);
  engine.clear(x);
  addInPlace(total, x);
  expect([...await copy.read()]).toEqual([11, 22]);
  expect([...await total.read()]).toEqual([111, 222]);
});

test("more launches than one submit holds each get their own parameters", async () => {
  const engine = await testEngine();
  const total = engine.zeros([1]), one = engine.tensor([1]);
  const { submits } = engine.counts;
  for (let i = 1; i <= 300; i++) addInPlace(total, one, i);
  expect(engine.counts.submits).toBeGreaterThan(submits);
  expect([...await total.read()]).toEqual([300 * 301 / 2]);
});

test("launches that differ in their parameters alone are bound apart in a submit, and again in the next", async () => {
  const engine = await testEngine();
  const total = engine.zeros([1]), one = engine.tensor([1]);
  const made: number[] = [];
  for (const factors of [[1, 2, 4, 2], [8, 16, 32], [64, 64, 128, 256, 512]]) {
    await engine.read(total); // the launches before are submitted
    const before = engine.counts.bindGroupsCreated;
    for (const factor of factors) addInPlace(total, one, factor);
    made.push(engine.counts.bindGroupsCreated - before);
  }
  expect(made).toEqual([3, 0, 1]);
  expect([...await total.read()]).toEqual([9 + 56 + 1024]);
});

test("uploads beyond the staging area, and beyond any, arrive whole and in order", async () => {
  const engine = await testEngine();
  const sizes = [100_001, 100_001, 100_001, 99_999, 1, 262_144, 262_145, 300_001];
  const data = sizes.map((size, i) => randomNumbers(size, i));
  const tensors = data.map((numbers) => engine.tensor(numbers));
  const doubled = tensors.map((tensor, i) => {
    const out = scale(tensor, 2);
    engine.write(tensor, data[i].map((x) => -x));
    return out;
  });
  for (const [i, numbers] of data.entries()) {
    expectClose(await tensors[i].read(), numbers.map((x) => -x), 0);
    expectClose(await doubled[i].read(), numbers.map((x) => 2 * x), 0);
  }
  for (const tensor of [...tensors, ...doubled]) engine.release(tensor);
});

test("reads of many sizes at once give each its own numbers", async () => {
  const engine = await testEngine();
  const sizes = [0, 1, 63, 64, 65, 1000, 64];
  const tensors = sizes.map((size, i) => engine.tensor(new Float32Array(size).fill(i)));
  const read = await Promise.all(tensors.map((tensor) => tensor.read()));
  expect(read).toEqual(sizes.map((size, i) => new Float32Array(size).fill(i)));
});

test("a software adapter keeps no more than 4,096 bind groups, and each launch its parameters", async () => {
  const engine = await newEngine({ software: true });
  const total = engine.zeros([64]), rows = engine.tensor(new Float32Array(4100 * 64).fill(1));
  let sum = 0;
  const made = (row: number) => {
    const before = engine.counts.bindGroupsCreated;
    addInPlace(total, rows.view([4100, 64]).rows(row, row + 1).view([64]), row % 1000);
    sum += row % 1000;
    return engine.counts.bindGroupsCreated - before;
  };
  expect([made(0), made(0)]).toEqual([1, 0]);
  for (let row = 1; row < 4100; row++) made(row);
  expect([made(4099), made(0)]).toEqual([0, 1]);
  expect(await total.read()).toEqual(new Float32Array(64).fill(sum));
  engine.destroy();
});

test("the same buffers with many parameters have few bind groups", async () => {
  const engine = await testEngine();
  const total = engine.zeros([1]), one = engine.tensor([1]);
  const before = engine.counts.bindGroupsCreated;
  for (let i = 0; i < 50; i++) addInPlace(total, one, i);
  expect(engine.counts.bindGroupsCreated - before).toBeLessThanOrEqual(8);
  expect([...await total.read()]).toEqual([49 * 50 / 2]);
});

test("bind groups are made once for the same buffers", async () => {
  const engine = await testEngine();
  const x = engine.tensor([1]), total = engine.zeros([1]);
  addInPlace(total, x);
  const before = engine.counts.bindGroupsCreated;
  for (let i = 0; i < 10; i++) addInPlace(total, x);
  expect(engine.counts.bindGroupsCreated).toBe(before);
  addInPlace(x, total);
  expect(engine.counts.bindGroupsCreated).toBe(before + 1);
});
