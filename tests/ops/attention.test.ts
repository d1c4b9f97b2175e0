import { expect, test } from "bun:test";
import { attention, attentionOfViews } from "../../engine/ops/attention.ts";
import { decodeAttention, decodeVariants, newLayerCaches } from "../../engine/ops/cache.ts";
import { splitHeads, viewFused, viewHeads } from "../../engine/ops/heads.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { checkFamily } from "../support/check.ts";
import { randomNumbers } from "../support/compare.ts";
import { newEngine, testEngine } from "../support/engine.ts";

checkFamily("attention");

test("heads that cannot be grouped are refused", async () => {
  const engine = await testEngine();
  const q = engine.zeros([4, 24]), k = engine.zeros([4, 16]);
  const sequences = { offsets: engine.integers([0, 4]), count: 1, longest: 4 };
  expect(() => attention(q, k, k, { heads: 3, keyHeads: 2, headSize: 8 }, sequences)).toThrow(
    "3 query heads cannot share 2 key heads",
  );
});

test("forward and backward over 4096 places take memory that grows as the places do", async () => {
  const engine = await newEngine();
  const heads = { heads: 1, keyHeads: 1, headSize: 8 };
  const peaks: number[] = [];
  for (const T of [1024, 2048, 4096]) {
    const gradient = engine.scope(() => {
      const sequences = { offsets: engine.integers([0, T]), count: 1, longest: T };
      const [q, k, v] = [1, 2, 3].map((seed) => engine.tensor(randomNumbers(8 * T, seed), [T, 8]));
      engine.resetPeak();
      const tape = new Tape();
      for (const x of [q, k, v]) tape.watch(x);
      const out = engine.record(tape, () => attention(q, k, v, heads, sequences));
      tape.backward(out, engine.tensor(randomNumbers(8 * T, 4), [T, 8]));
      return tape.gradient(k)!;
    });
    peaks.push(engine.memory.peakLive);
    expect((await gradient.read()).every(Number.isFinite)).toBe(true);
    engine.release(gradient);
  }
  // A matrix of scores, T² numbers, would make it four times as much.
  expect(peaks[1] / peaks[0]).toBeCloseTo(2, 1);
  expect(peaks[2] / peaks[1]).toBeCloseTo(2, 1);
  engine.destroy();
});

test("heads in fused rows are attended to as if they were copied out, and last rows alone alike", async () => {
  const engine = await testEngine(), scope = engine.openScope();
  const lengths = [1, 8, 9, 70], offsets = [0, 1, 9, 18, 88], [H, D] = [4, 8];
  const heads = { heads: H, keyHeads: H, headSize: D };
  const { whole, views, last } = engine.within(scope, () => {
    const fused = engine.tensor(randomNumbers(88 * 3 * H * D, 5), [88, 3 * H * D]);
    const sequences = { offsets: engine.integers(offsets), count: 4, longest: 70 };
    const [q, k, v] = splitHeads(fused, H, "heads"), lying = viewFused(fused, H, "heads");
    return {
      whole: attention(q, k, v, heads, sequences),
      views: attentionOfViews(lying, heads, sequences),
      last: attentionOfViews(lying, heads, sequences, true),
    };
  });
  const [expected, found, ends] = await Promise.all([whole.read(), views.read(), last.read()]);
  expect(found).toEqual(expected);
  for (const [b, length] of lengths.entries()) {
    const row = (x: Float32Array) => x.subarray((offsets[b] + length - 1) * H * D).slice(0, H * D);
    expect(row(ends)).toEqual(row(expected));
  }
  engine.close(scope);
});

test("on a software adapter all kernels of decoding give the same bits where one key head is read at a time", async () => {
  const engine = await testEngine();
  if (!engine.features.software) return; // a GPU's plain kernel has more lanes
  const scope = engine.openScope();
  const [B, T, H, K, D] = [3, 41, 4, 1, 32], heads = { heads: H, keyHeads: K, headSize: D };
  const outputs = engine.within(scope, () => {
    const [keys, values] = [1, 2].map((seed) =>
      engine.tensor(randomNumbers(B * K * T * D, seed), [B, K, T, D])
    );
    const q = engine.tensor(randomNumbers(B * H * D, 3), [B, H * D]);
    const positions = engine.integers([0, 7, 40]);
    return decodeVariants
      .filter((variant) => variant !== "subgroup" || engine.features.subgroups)
      .map((variant) => {
        const [cache] = newLayerCaches(engine, 1, [B, T], heads, variant !== "plain");
        engine.copy(keys, cache.keys);
        engine.copy(values, cache.values);
        return decodeAttention(viewHeads(q, D), cache, positions, heads, variant);
      });
  });
  const [first, ...others] = await Promise.all(outputs.map((out) => out.read()));
  for (const other of others) expect(other).toEqual(first);
  engine.close(scope);
});

test("on a real GPU decoding has room in workgroup memory for the largest heads", async () => {
  const real = await newEngine({ software: false });
  const engine = real.rehearsal(); // compiles nothing: that takes software adapters long
  const lanes: number[] = [];
  engine.launch = (...[, , , , , constants]) => void lanes.push(constants!.LANES);
  const sizes = [8, 64, 128, 256];
  for (const headSize of sizes) {
    const heads = { heads: 1, keyHeads: 1, headSize },
      [cache] = newLayerCaches(engine, 1, [2, 9], heads);
    const q = viewHeads(engine.zeros([2, headSize]), headSize);
    decodeAttention(q, cache, engine.zeros([2], "u32"), heads);
  }
  const { maxComputeWorkgroupStorageSize: room } = engine.device.limits;
  for (const [i, D] of sizes.entries()) expect(lanes[i] * (4 * D + 8)).toBeLessThanOrEqual(room);
  expect(lanes.slice(0, 2)).toEqual([32, 32]);
  real.destroy();
});
