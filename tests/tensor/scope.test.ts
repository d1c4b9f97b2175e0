import { expect, test } from "bun:test";
import type { Engine } from "../../engine/gpu/engine.ts";
import type { Tensor } from "../../engine/tensor/tensor.ts";
import { testEngine } from "../support/engine.ts";

/** Bytes that `body` leaves in use; they are freed again. */
function leftBy(engine: Engine, body: () => Tensor[]): number {
  const before = engine.memory.live;
  const kept = body();
  const left = engine.memory.live - before;
  for (const tensor of kept) engine.release(tensor);
  expect(engine.memory.live).toBe(before);
  return left;
}

test("a scope frees what was made in it, but for what it returns", async () => {
  const engine = await testEngine();
  const make = () => engine.zeros([64]); // 256 bytes
  expect(leftBy(engine, () => engine.scope(() => (make(), [])))).toBe(0);
  expect(leftBy(engine, () => [engine.scope(() => (make(), make()))])).toBe(256);
  expect(leftBy(engine, () => engine.scope(() => (make(), [make(), make()])))).toBe(512);
  const kept = (value: unknown, ...tensors: Tensor[]) => (engine.scope(() => value), tensors);
  expect(leftBy(engine, () => kept({}, make()))).toBe(256);
});

test("tensors are found in arrays, plain objects and maps, and by their views", async () => {
  const engine = await testEngine();
  const make = () => engine.tensor(new Float32Array(64).fill(7));
  const { object, map, view } = engine.scope(() => ({
    object: { list: [make()], nothing: null },
    map: new Map([["a", make()]]),
    view: make().view([8, 8]),
  }));
  engine.scope(() => [1, 2, 3, 4].map(() => engine.zeros([64]))); // would reuse what was freed
  for (const tensor of [object.list[0], map.get("a")!, view]) {
    expect((await tensor.read())[63]).toBe(7);
    engine.release(tensor);
  }
});

test("what an inner scope returns belongs to the one around it", async () => {
  const engine = await testEngine();
  const left = leftBy(engine, () => {
    engine.scope(() => {
      const inner = engine.scope(() => (engine.zeros([64]), engine.zeros([64])));
      expect(inner.size).toBe(64);
      return null;
    });
    return [];
  });
  expect(left).toBe(0);
});

test("a scope frees what it holds when its body throws", async () => {
  const engine = await testEngine();
  const left = leftBy(engine, () => {
    const fail = () => {
      engine.zeros([64]);
      throw new Error("no");
    };
    expect(() => engine.scope(fail)).toThrow("no");
    return [];
  });
  expect(left).toBe(0);
});

test("a scope refuses a Promise", async () => {
  const engine = await testEngine();
  const { live } = engine.memory;
  const asynchronous = async () => await engine.zeros([64]).read();
  expect(() => engine.scope(asynchronous)).toThrow("hold an explicit Scope in asynchronous code");
  expect(engine.memory.live).toBe(live);
});

test("an explicit scope holds what is made within it until it is closed", async () => {
  const engine = await testEngine();
  const { live } = engine.memory;
  const scope = engine.openScope();
  const x = engine.within(scope, () => engine.tensor([1, 2, 3]));
  await engine.scope(() => engine.tensor([4])).view([1]).read();
  const y = engine.within(scope, () => engine.scope(() => engine.tensor([5])));
  expect([...await x.read(), ...await y.read()]).toEqual([1, 2, 3, 5]);
  engine.release(x); // by name, though its scope is not the innermost
  engine.close(scope);
  expect(engine.memory.live).toBe(live + 256); // the scope's result that nothing held
});

test("a tensor released twice is refused", async () => {
  const engine = await testEngine();
  const x = engine.zeros([64]);
  engine.release(x);
  expect(() => engine.release(x.view([8, 8]))).toThrow("released twice");
});
