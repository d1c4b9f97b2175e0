import { expect, test } from "bun:test";
import fc from "fast-check";
import { BufferPool, sizeClass } from "../../engine/gpu/buffers.ts";
import { TEXELS_PER_ROW } from "../../engine/gpu/textures.ts";
import { testEngine } from "../support/engine.ts";

const newPool = async () => new BufferPool((await testEngine()).device);

test("size classes hold what was asked for, with little to spare", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 31 }), (bytes) => {
      const size = sizeClass(bytes);
      expect(size).toBeGreaterThanOrEqual(bytes);
      expect(size).toBeLessThanOrEqual(Math.max(1.25 * bytes, bytes + 256));
      expect(size % 256).toBe(0);
      expect(sizeClass(size)).toBe(size);
    }),
    { seed: 1 },
  );
});

test("the pool hands out the same buffers whatever the order in which they came back", async () => {
  const pool = await newPool();
  const take = () => [1000, 5000, 1000, 900].map((bytes) => pool.take(bytes));
  const first = take();
  for (const order of [[0, 1, 2, 3], [3, 1, 0, 2], [2, 3, 1, 0]]) {
    for (const i of order) pool.give(first[i]);
    expect(take()).toEqual(first);
  }
  expect(pool.use.buffersCreated).toBe(4);
});

test("the pool counts the bytes in use, their peak, and all it holds", async () => {
  const pool = await newPool();
  const a = pool.take(1024), b = pool.take(2048);
  const flat = pool.flat(4096);
  pool.give(a);
  expect(pool.use).toEqual({ live: 6144, peakLive: 7168, held: 7168, buffersCreated: 3 });
  pool.give(flat); // flat storage is destroyed, not kept
  expect(pool.use).toEqual({ live: 2048, peakLive: 7168, held: 3072, buffersCreated: 3 });
  pool.give(b);
  expect(pool.use.live).toBe(0);
});

test("beyond its limit the pool gives free buffers back before it makes new ones", async () => {
  const pool = await newPool();
  pool.limit = 4096;
  const [a, b] = [pool.take(1024), pool.take(2048)];
  pool.give(a);
  pool.take(2048); // 5120 with the free one
  expect(pool.use).toMatchObject({ live: 4096, held: 4096 });
  pool.give(b);
  pool.take(8192); // what is needed is made all the same
  expect(pool.use).toMatchObject({ live: 10240, held: 10240 });
  expect(() => pool.flat(256)).toThrow("of the 4096 bytes that may be used 10240 are");
});

test("a buffer given back twice is refused", async () => {
  const pool = await newPool();
  const storage = pool.take(300);
  pool.give(storage);
  expect(() => pool.give(storage)).toThrow("of 512 bytes was released twice");
});

test("a tensor beyond the binding limit is refused", async () => {
  const pool = await newPool();
  const limit = pool.device.limits.maxStorageBufferBindingSize;
  expect(() => pool.take(limit + 1)).toThrow(`this adapter binds at most ${limit}`);
  const { maxBufferSize } = pool.device.limits;
  expect(() => pool.flat(maxBufferSize + 1)).toThrow(`at most ${maxBufferSize}`);
});

test("textures are whole rows of texels, and are handed out again like buffers", async () => {
  const pool = await newPool();
  const row = TEXELS_PER_ROW * 16;
  const small = pool.takeTexture(100), large = pool.takeTexture(row + 1);
  expect([small.size, large.size]).toEqual([row, 2 * row]);
  expect([large.texture.width, large.texture.height]).toEqual([TEXELS_PER_ROW, 2]);
  pool.give(small);
  expect(pool.use).toMatchObject({ live: 2 * row, held: 3 * row });
  expect(pool.takeTexture(row)).toBe(small);
  expect(() => pool.takeTexture(row * (pool.device.limits.maxTextureDimension2D + 1)))
    .toThrow("use fewer or shorter sequences");
  const single = pool.takeTexture(row, "r32float"); // of one number a texel
  expect([single.size, single.texture.height]).toEqual([row, 4]);
  pool.give(single);
  expect(pool.takeTexture(row, "rgba32float")).not.toBe(single);
});
