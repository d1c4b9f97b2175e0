import { expect, test } from "bun:test";
import type { Bindings } from "../../engine/gpu/bindings.ts";
import { scale } from "../../engine/ops/elementwise.ts";
import { decodeAttention } from "../../engine/ops/cache.ts";
import { viewHeads } from "../../engine/ops/heads.ts";
import { linear } from "../../engine/ops/matmul.ts";
import { TEXELS_PER_ROW } from "../../engine/gpu/textures.ts";
import { randomNumbers } from "../support/compare.ts";
import { addInPlace } from "../../engine/tensor/add-in-place.ts";
import { newEngine, testEngine } from "../support/engine.ts";

test("a launch with a wrong or missing name is refused before it reaches the GPU", async () => {
  const engine = await testEngine();
  const x = engine.tensor([1, 2, 3]), out = engine.zeros([3]);
  const launch = (bindings: Bindings, parameters: Record<string, number>, entry = "scale") =>
    engine.launch("elementwise", entry, bindings, parameters, [1, 1, 1]);
  const good = { count: 3, factor: 2 };
  const kernel = "kernel elementwise.scale";
  expect(() => launch({ x }, good)).toThrow(`${kernel}: buffer "out" is missing`);
  expect(() => launch({ x, out, y: x }, good)).toThrow(
    `${kernel} has no buffer "y"; it has x, out`,
  );
  expect(() => launch({ x, out }, { count: 3 })).toThrow(`${kernel}: parameter factor is missing`);
  expect(() => launch({ x, out }, { ...good, size: 3 }))
    .toThrow(`${kernel} has no parameter "size"; it has count, factor`);
  expect(() => launch({ x, out }, good, "scales"))
    .toThrow('shaders/elementwise.wgsl has no entry point "scales"; it has');
  expect(() => engine.launch("elementwise", "scale", { x, out }, good, [1, 1, 1], { LANES: 4 }))
    .toThrow('declares no "override LANES" and no "const LANES: u32"');
  launch({ x, out }, good);
  expect([...await out.read()]).toEqual([2, 4, 6]);
});

test("numbers that do not fill a tensor are refused", async () => {
  const engine = await testEngine();
  expect(() => engine.tensor([1, 2, 3], [2])).toThrow(
    "3 numbers do not fill a tensor of shape [2]",
  );
  expect(() => engine.copy(engine.zeros([2]), engine.zeros([3])))
    .toThrow("a tensor of shape [2] cannot be copied into [3]");
});

test("two engines live side by side", async () => {
  const engines = [await testEngine(), await newEngine()];
  const results = engines.map((engine, i) => scale(engine.tensor([1 + i]), 10));
  expect(await Promise.all(results.map(async (result) => [...await result.read()])))
    .toEqual([[10], [20]]);
  expect(() => addInPlace(results[0], results[1])).toThrow('buffer "x" belongs to another engine');
  engines[1].destroy();
  expect([...await scale(results[0], 2).read()]).toEqual([20]);
});

test("a device error rejects at the next read with kernel and shapes, and ends the engine", async () => {
  const engine = await newEngine();
  const x = engine.zeros([3]), weight = engine.zeros([5, 3]);
  linear(x.view([1, 3]), weight);
  addInPlace(x, x); // one buffer to read and to write in one launch
  const read = x.read();
  await expect(read).rejects.toThrow(/WebGPU refused a submit: (.|\n)*elementwise\.add_in_place/);
  await expect(read).rejects.toThrow("elementwise.add_in_place(total[3], x[3])");
  await expect(read).rejects.toThrow("make a new Engine and go on from the last checkpoint");
  const refused = /WebGPU refused a submit/;
  expect(() => scale(weight, 2)).toThrow(refused);
  expect(() => engine.write(x, new Float32Array(3))).toThrow(refused);
  expect(() => engine.clear(x)).toThrow(refused);
  await expect(weight.read()).rejects.toThrow(refused);
  engine.destroy();
});

test("a shader that does not compile is reported with its name", async () => {
  const engine = await newEngine();
  engine.kernels.replace("gather", "fn gather_rows(x) {}");
  expect(() => engine.kernels.get("gather", "gather_rows"))
    .toThrow("shaders/gather.wgsl cannot be parsed");
  engine.kernels.replace(
    "gather",
    "@group(0) @binding(0) var<storage, read_write> x: array<f32>;" +
      "@compute @workgroup_size(1) fn gather_rows() { x[0] = unknown; }",
  );
  const x = engine.zeros([1]);
  const run = async () => { // some runtimes report the error at once, others later
    engine.launch("gather", "gather_rows", { x }, {}, [1, 1, 1]);
    await x.read();
  };
  await expect(run()).rejects.toThrow(/unknown(.|\n)*shaders\/gather\.wgsl/);
  engine.destroy();
});

test("a lost device rejects reads and refuses work", async () => {
  const engine = await newEngine();
  const x = engine.zeros([1]);
  engine.destroy();
  await engine.device.lost;
  expect(() => scale(x, 2)).toThrow(/the device was lost \(destroyed\)/);
  await expect(x.read()).rejects.toThrow("make a new Engine");
});

test("flat storage may be released before the launches that use it are submitted", async () => {
  const engine = await testEngine();
  const flat = engine.flat(4), total = engine.zeros([4]);
  engine.write(flat, Float32Array.of(1, 2, 3, 4));
  addInPlace(total, flat);
  engine.release(flat);
  expect([...await total.read()]).toEqual([1, 2, 3, 4]);
});

test("a launch of more workgroups than the device takes along an axis is refused by name", async () => {
  const engine = await testEngine();
  const x = engine.zeros([1]), out = engine.zeros([1]);
  const most = engine.device.limits.maxComputeWorkgroupsPerDimension;
  expect(() =>
    engine.launch("elementwise", "scale", { x, out }, { count: 1, factor: 2 }, [1, most + 1, 1])
  )
    .toThrow(
      `kernel elementwise.scale: a grid of [1, ${
        most + 1
      }, 1] workgroups, but this device takes at most`,
    );
});

test("numbers pass through a texture unchanged, in whole rows of texels and in parts of one", async () => {
  const engine = await testEngine();
  const sizes = [4, 20, 4 * TEXELS_PER_ROW, 4 * TEXELS_PER_ROW + 12];
  const cases = sizes.flatMap((size) => [[size, "rgba32float"], [size, "r32float"]] as const);
  for (const [size, format] of cases) {
    const scope = engine.openScope(), data = randomNumbers(size, size);
    const out = engine.within(scope, () => {
      const texels = engine.texels([size], format), out = engine.zeros([size]);
      engine.copy(engine.tensor(data), texels);
      engine.copy(texels, out);
      return out;
    });
    expect(await out.read()).toEqual(data);
    engine.close(scope);
  }
});

test("a texture where a kernel reads a buffer is refused, and so is a buffer in a texture's place", async () => {
  const engine = await testEngine();
  const scope = engine.openScope();
  engine.within(scope, () => {
    const texels = engine.texels([2, 1, 3, 8]), buffer = engine.zeros([2, 1, 3, 8]);
    expect(() => scale(texels, 2)).toThrow('"x" is a buffer there');
    const heads = { heads: 1, keyHeads: 1, headSize: 8 }, q = viewHeads(engine.zeros([2, 8]), 8);
    const cache = { keys: buffer, values: buffer }, positions = engine.integers([0, 0]);
    expect(() => decodeAttention(q, cache, positions, heads, "texture"))
      .toThrow('"cached_k" is a texture of rgba32float there');
    expect(() => engine.clear(texels)).toThrow("is a texture");
  });
  engine.close(scope);
});
