import { expect, test } from "bun:test";
import { adamwOptions, adamwReference, type AdamWStep } from "../../engine/check/families/adamw.ts";
import type { Engine } from "../../engine/gpu/engine.ts";
import {
  AdamWState,
  adamwState,
  type AdamWTensors,
  adamwUpdate,
  gradientNorm,
} from "../../engine/ops/adamw.ts";
import { checkFamily } from "../support/check.ts";
import { expectClose, randomNumbers, relativeError } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";

checkFamily("adamw");

function makeShard(
  engine: Engine,
  weights: Float32Array,
  state = adamwState(engine),
): AdamWTensors {
  const zeros = () => engine.zeros([weights.length]);
  return {
    weights: engine.tensor(weights),
    gradients: zeros(),
    moment1: zeros(),
    moment2: zeros(),
    state,
  };
}

function change(before: ArrayLike<number>, after: ArrayLike<number>): number[] {
  return Array.from(before, (x, i) => after[i] - x);
}

for (const epsilonPlacement of ["torch", "tensorflow"] as const) {
  for (const maxNorm of [Infinity, 1]) {
    test(`adamw with epsilon as in ${epsilonPlacement}, clipped to ${maxNorm}`, async () => {
      const engine = await testEngine();
      const options = { ...adamwOptions, epsilonPlacement };
      const sizes = [1, 63, 1000, 70001];
      const state = adamwState(engine);
      const initial = sizes.map((size, i) => randomNumbers(size, i, 0.1));
      const shards = initial.map((weights) => makeShard(engine, weights, state));
      const all = Float64Array.from(initial.flatMap((weights) => [...weights]));
      const zeros = new Float64Array(all.length);
      let expected: Omit<AdamWStep, "norm" | "clip"> = {
        weights: all,
        moment1: zeros,
        moment2: zeros,
      };
      for (let step = 0; step < 6; step++) {
        // Small gradients, so that epsilon counts; the norm is above 1 in some steps only.
        const scale = [1e-5, 2e-3, 0.1][step % 3];
        const gradients = sizes.map((size, i) => randomNumbers(size, 100 * step + i, scale));
        shards.forEach((shard, i) => engine.write(shard.gradients, gradients[i]));
        gradientNorm(shards.map((shard) => shard.gradients), state, { maxNorm });
        for (const shard of shards) adamwUpdate(shard, options);
        const flat = gradients.flatMap((g) => [...g]);
        const { norm, clip, ...after } = adamwReference(expected, flat, step + 1, maxNorm, options);
        expected = after;
        const [actualNorm, actualClip, skipped, applied] = await state.read();
        expectClose([actualNorm, actualClip], [norm, clip]);
        expect([skipped, applied]).toEqual([0, step + 1]);
      }
      const weights = await Promise.all(shards.map((shard) => shard.weights.read()));
      const actual = weights.flatMap((part) => [...part]);
      expectClose(actual, expected.weights, 1e-6);
      expectClose(change(all, actual), change(all, expected.weights), 1e-5);
    });
  }
}

for (const applied of [0, 1, 7, 99, 5000]) {
  test(`the bias correction after ${applied} steps`, async () => {
    const engine = await testEngine();
    const shard = makeShard(engine, new Float32Array(3));
    const state = new Float32Array(8);
    state[AdamWState.STEP] = applied;
    engine.write(shard.state, state);
    engine.write(shard.gradients, Float32Array.of(1, -2, 0.5));
    gradientNorm([shard.gradients], shard.state);
    const options = { ...adamwOptions, learningRate: 1, epsilon: 0 };
    adamwUpdate(shard, options);
    const t = applied + 1;
    const size = (1 - 0.9) / (1 - 0.9 ** t) / Math.sqrt((1 - 0.999) / (1 - 0.999 ** t));
    expectClose(await shard.weights.read(), [-size, size, -size], 2e-6);
  });
}

for (const bad of [NaN, Infinity, -Infinity, 3e38]) {
  test(`a gradient of ${bad} skips the update and leaves no trace in later ones`, async () => {
    const engine = await testEngine();
    const size = 5000, initial = randomNumbers(size, 1);
    const disturbed = makeShard(engine, initial), undisturbed = makeShard(engine, initial);
    const good = [2, 3, 4].map((seed) => randomNumbers(size, seed));
    const poisoned = good[0].slice();
    poisoned[4321] = bad;
    const step = (shard: AdamWTensors, gradients: Float32Array) => {
      engine.write(shard.gradients, gradients);
      gradientNorm([shard.gradients], shard.state, { maxNorm: 1 });
      adamwUpdate(shard, adamwOptions);
    };
    const contents = async ({ weights, moment1, moment2 }: AdamWTensors) =>
      [await weights.read(), await moment1.read(), await moment2.read()] as const;

    step(disturbed, good[0]);
    const before = await contents(disturbed);
    step(disturbed, poisoned);
    expect(await contents(disturbed)).toEqual(before);
    const state = await disturbed.state.read();
    expect([state[AdamWState.SKIPPED], state[AdamWState.STEP], state[AdamWState.SKIPS]])
      .toEqual([1, 1, 1]);

    for (const gradients of good.slice(1)) step(disturbed, gradients);
    for (const gradients of good) step(undisturbed, gradients);
    expect(await contents(disturbed)).toEqual(await contents(undisturbed));
    expect((await disturbed.state.read())[AdamWState.SKIPPED]).toBe(0);
  });
}

test("the placement of epsilon changes the first update as documented", async () => {
  const engine = await testEngine();
  const changes: Float32Array[] = [];
  for (const epsilonPlacement of ["torch", "tensorflow"] as const) {
    const shard = makeShard(engine, new Float32Array(1));
    engine.write(shard.gradients, Float32Array.of(1e-5));
    gradientNorm([shard.gradients], shard.state);
    adamwUpdate(shard, { ...adamwOptions, epsilonPlacement });
    changes.push(await shard.weights.read());
  }
  // g / (|g| + ε) against g / (|g| + ε / √(1 − β₂)), at g = ε.
  expectClose(changes[0], [-0.01 / 2]);
  expectClose(changes[1], [-0.01 / (1 + 1 / Math.sqrt(0.001))]);
  expect(relativeError(changes[0], changes[1])).toBeGreaterThan(1);
});

test("arguments that do not fit are refused", async () => {
  const engine = await testEngine();
  const shard = makeShard(engine, new Float32Array(3));
  expect(() => gradientNorm([shard.gradients], engine.zeros([4])))
    .toThrow("gradientNorm: state has shape [4], expected [8]");
  expect(() => gradientNorm([], shard.state)).toThrow("gradientNorm: no shards");
  expect(() => gradientNorm([shard.gradients], shard.state, { maxNorm: 0 })).toThrow(
    "maxNorm is 0",
  );
  expect(() => adamwUpdate({ ...shard, moment1: engine.zeros([4]) }, adamwOptions))
    .toThrow("adamwUpdate: moment1 has shape [4], expected [3]");
  expect(() => adamwUpdate(shard, { ...adamwOptions, beta2: 1 })).toThrow(
    "beta2 is 1, expected 0 ≤ beta2 < 1",
  );
});
