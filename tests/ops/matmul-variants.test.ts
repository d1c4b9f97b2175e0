import { expect, test } from "bun:test";
import fc from "fast-check";
import { checkOp, failures } from "../../engine/check/check.ts";
import { findFamily } from "../../engine/check/registry.ts";
import type { Features } from "../../engine/gpu/device.ts";
import type { Engine } from "../../engine/gpu/engine.ts";
import { partCount, tileCount } from "../../engine/ops/matmul-tiled.ts";
import {
  hasMatmulVariant,
  matmulVariant,
  matmulVariants,
} from "../../engine/ops/matmul-variants.ts";
import { newEngine, testEngine } from "../support/engine.ts";

const features: Features = {
  subgroups: true,
  timestamps: true,
  half: true,
  software: false,
  lanes: 32,
  subgroupMatrices: null,
};

const forward = { transposeB: true }, inputGradient = {};
const weightGradient = { transposeA: true, accumulate: true };

/** What a real GPU computes with when nothing was measured: layout, M, N, K, and the kernel. */
const defaults = [
  // Decoding: one pass over the weight.
  [forward, 1, 768, 768, "matvec_subgroup"],
  [forward, 8, 50257, 768, "matvec_subgroup"],
  [inputGradient, 8, 768, 2304, "matvec"], // GPT-2's layout of a weight
  [forward, 8, 262_144, 768, "tiled"], // more columns than it has workgroups for
  [forward, 9, 768, 768, "ksplit"], // more than one pass makes; few tiles
  // Training: the larger tiles where there are enough of them.
  [forward, 2048, 768, 768, "tiled"],
  [forward, 2048, 50257, 768, "tiled"],
  [forward, 2048, 128, 512, "tiled32"],
  [inputGradient, 2048, 128, 2048, "tiled32"],
  // Gradients of weights: split where even the smaller tiles are too few.
  [weightGradient, 128, 128, 2048, "ksplit"],
  [weightGradient, 512, 128, 2048, "ksplit"],
  [weightGradient, 512, 512, 2048, "tiled32"],
  [weightGradient, 768, 3072, 2048, "tiled"],
  [weightGradient, 8, 768, 2048, "ksplit"], // of a low-rank factor
  [weightGradient, 1, 768, 2048, "ksplit"], // of a reward head
  [weightGradient, 128, 128, 256, "tiled32"], // a sum too short to share
] as const;

test("the untuned defaults of real GPUs, by shape", () => {
  for (const [layout, rows, columns, inner, expected] of defaults) {
    const engine = { features, tuning: null } as Engine;
    const chosen = matmulVariant(engine, { rows, columns, inner }, layout);
    expect([rows, columns, inner, chosen]).toEqual([rows, columns, inner, expected]);
  }
});

test("a default needs nothing that the adapter has not", () => {
  for (const software of [true, false]) {
    const poor = { ...features, software, subgroups: false };
    for (const [layout, rows, columns, inner] of defaults) {
      const engine = { features: poor, tuning: null } as Engine;
      const variant = matmulVariant(engine, { rows, columns, inner }, layout);
      expect(hasMatmulVariant(poor, variant)).toBe(true);
    }
  }
});

test("software adapters keep their own kernels", () => {
  for (const subgroups of [true, false]) {
    const engine = { features: { ...features, software: true, subgroups }, tuning: null } as Engine;
    for (const [layout, rows, columns, inner] of defaults) {
      const variant = matmulVariant(engine, { rows, columns, inner }, layout);
      expect(variant).toBe(subgroups && columns % 4 === 0 ? "subgroup" : "direct");
    }
  }
});

test("the partial sums of a split are bounded", () => {
  const size = fc.integer({ min: 1, max: 3000 });
  fc.assert(
    fc.property(size, size, fc.integer({ min: 1, max: 100_000 }), (rows, columns, inner) => {
      const sizes = { rows, columns, inner };
      const side = Math.min(rows, columns) <= 32 ? 32 : 64;
      const parts = partCount(sizes, side, 2 ** 27);
      expect(parts === 1 || parts * 64 <= inner).toBe(true);
      if (tileCount(sizes, side) >= 256) expect(parts).toBe(1);
      else expect(4 * parts * rows * columns).toBeLessThanOrEqual(2 ** 23);
      expect(partCount(sizes, side, 4 * rows * columns)).toBe(1);
    }),
    { seed: 7, numRuns: 300 },
  );
});

const linearOp = findFamily("matmul").ops.find(({ name }) => name === "linear")!;

for (const variant of matmulVariants.filter((variant) => variant !== "matrices")) {
  for (const inputFirst of [0, 1]) {
    test(`linear and its gradients by ${variant}, inputFirst=${inputFirst}`, async () => {
      const engine = await testEngine();
      if (!hasMatmulVariant(engine.features, variant)) return;
      engine.tuning = new Proxy({}, { get: () => variant }); // for products of all shapes
      try {
        const deviations = await checkOp(engine, linearOp, { M: 130, N: 20, K: 12, inputFirst });
        expect(failures(deviations)).toEqual([]);
      } finally {
        engine.tuning = null;
      }
    });
  }
}

test("an engine for a real GPU computes with its defaults", async () => {
  const engine = await newEngine({ software: false });
  const launched = new Set<string>();
  const { launch } = engine;
  engine.launch = (shader, ...rest) => {
    launched.add(`${shader}.${rest[0]}`);
    launch.call(engine, shader, ...rest);
  };
  for (const sizes of [{ M: 5, N: 36, K: 70 }, { M: 600, N: 40, K: 24 }]) {
    for (const inputFirst of [0, 1]) {
      const deviations = await checkOp(engine, linearOp, { ...sizes, inputFirst });
      expect(failures(deviations)).toEqual([]);
    }
  }
  const products = [...launched].filter((name) => name.startsWith("matmul")).toSorted();
  expect(products).toEqual([
    "matmul_tiled.add_partials",
    "matmul_tiled.tiled",
    "matmul_vector.vector",
    ...engine.features.subgroups ? ["matmul_vector_subgroup.vector"] : [],
  ]);
  engine.destroy();
});
