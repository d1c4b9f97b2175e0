import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Engine } from "../../engine/gpu/engine.ts";
import { AdamW } from "../../engine/nn/optimizer.ts";
import { scale } from "../../engine/ops/elementwise.ts";
import { Parameters } from "../../engine/tensor/parameters.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { testEngine } from "../support/engine.ts";

const ENTRIES = [
  { name: "a", shape: [3, 5] },
  { name: "b", shape: [100] },
  { name: "c", shape: [1] },
];

/** What `Parameters` needs of an engine, with a binding limit so low that shards are many. */
function limited(engine: Engine, bytes: number): Engine {
  return {
    bindingLimit: bytes,
    flat: (elements: number) => engine.flat(elements),
  } as unknown as Engine;
}

test("parameters are aligned views that do not overlap, in shards below the limit", async () => {
  const engine = await testEngine();
  const size = fc.integer({ min: 1, max: 500 });
  fc.assert(
    fc.property(fc.array(size, { minLength: 1, maxLength: 20 }), (sizes) => {
      const entries = sizes.map((size, i) => ({ name: `p${i}`, shape: [size] }));
      const parameters = new Parameters(limited(engine, 2048), entries, false);
      let previous = { storage: parameters.shards[0].weights.storage, end: 0 };
      for (const { name, shape } of entries) {
        const { storage, offset, bytes, shape: found } = parameters.get(name);
        expect(found).toEqual(shape);
        expect(offset % 256).toBe(0);
        expect(offset + bytes).toBeLessThanOrEqual(2048);
        expect(offset).toBeGreaterThanOrEqual(storage === previous.storage ? previous.end : 0);
        previous = { storage, end: offset + bytes };
      }
      const used = sizes.reduce((sum, size) => sum + Math.ceil(size / 64) * 256, 0);
      expect(parameters.shards.length).toBeGreaterThanOrEqual(Math.ceil(used / 2048));
      expect(parameters.count).toBe(sizes.reduce((sum, size) => sum + size, 0));
      for (const { weights } of parameters.shards) engine.release(weights);
    }),
    { seed: 2, numRuns: 20 },
  );
});

test("a parameter larger than a binding is refused by name", async () => {
  const engine = limited(await testEngine(), 2048);
  expect(() => new Parameters(engine, [{ name: "wide", shape: [3, 300] }]))
    .toThrow('parameter "wide" of shape [3,300] needs 3840 bytes, but this adapter binds at most');
});

test("backward adds to the gradient views and the optimizer walks the flat ranges", async () => {
  const engine = await testEngine();
  const parameters = new Parameters(engine, ENTRIES);
  engine.write(parameters.get("b"), new Float32Array(100).fill(1));
  const gradient = (factor: number) => {
    const tape = new Tape();
    parameters.watch(tape);
    const out = engine.record(tape, () => scale(parameters.get("b"), factor));
    tape.backward(out, engine.tensor(new Float32Array(100).fill(1)));
  };
  gradient(2);
  gradient(3);
  expect(await parameters.gradient("b").read()).toEqual(new Float32Array(100).fill(5));
  expect((await parameters.gradient("a").read()).every((x) => x === 0)).toBe(true);
  const optimizer = new AdamW(parameters);
  optimizer.step(0.25);
  expect((await optimizer.report()).norm).toBeCloseTo(50, 4);
  for (const weight of await parameters.get("b").read()) expect(weight).toBeCloseTo(0.75, 5);
  expect((await parameters.get("a").read()).every((x) => x === 0)).toBe(true);
  parameters.clearGradients();
  expect((await parameters.gradient("b").read()).every((x) => x === 0)).toBe(true);
  optimizer.release();
  parameters.release();
});

test("frozen parameters hold no gradients and cannot be watched", async () => {
  const engine = await testEngine();
  const { live } = engine.memory;
  const frozen = new Parameters(engine, ENTRIES, false);
  const taken = engine.memory.live - live;
  expect(() => frozen.watch(new Tape())).toThrow("these parameters are frozen");
  expect(() => frozen.gradient("a")).toThrow('parameter "a" does not exist or is frozen');
  frozen.release();
  const trainable = new Parameters(engine, ENTRIES);
  expect(engine.memory.live - live).toBe(4 * taken); // weights, gradients and two moments
  trainable.release();
  expect(engine.memory.live).toBe(live);
});

test("weights are found by name and copied", async () => {
  const engine = await testEngine();
  const [from, to] = [new Parameters(engine, ENTRIES), new Parameters(engine, ENTRIES, false)];
  const numbers = Float32Array.from({ length: 15 }, (_, i) => i);
  engine.write(from.get("a"), numbers);
  to.copyFrom(from);
  expect(await to.get("a").read()).toEqual(numbers);
  expect(to.has("a") && !to.has("z")).toBe(true);
  expect(() => to.get("z")).toThrow('there is no parameter "z"; the first are a, b, c');
  for (const parameters of [from, to]) parameters.release();
});

test("parameters over a base find its weights, and own, train and free their own alone", async () => {
  const engine = await testEngine();
  const { live } = engine.memory;
  const base = new Parameters(engine, ENTRIES, false);
  const alone = engine.memory.live;
  engine.write(base.get("b"), new Float32Array(100).fill(7));
  // One weight beside the base's, and one in place of one of them.
  const over = new Parameters(engine, [{ name: "d", shape: [2] }, ENTRIES[2]], true, base);
  expect(over.get("b")).toBe(base.get("b"));
  expect(over.get("c")).not.toBe(base.get("c"));
  expect([over.has("a"), over.has("d"), base.has("d")]).toEqual([true, true, false]);
  expect(() => over.get("z")).toThrow('there is no parameter "z"; the first are a, b, c');
  expect([over.names, over.count]).toEqual([["d", "c"], 3]);
  expect(() => over.gradient("b")).toThrow('"b" does not exist or is frozen');

  const tape = new Tape();
  over.watch(tape);
  expect(["a", "b", "c", "d"].filter((name) => tape.tracks(over.get(name)))).toEqual(["c", "d"]);
  const sibling = over.another([{ name: "e", shape: [1] }], false);
  expect(sibling.get("b")).toBe(base.get("b"));
  expect(sibling.has("d")).toBe(false);
  for (const parameters of [sibling, over]) parameters.release();
  expect(engine.memory.live).toBe(alone);
  expect(await base.get("b").read()).toEqual(new Float32Array(100).fill(7));
  base.release();
  expect(engine.memory.live).toBe(live);
});
