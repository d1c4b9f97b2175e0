import { expect, test } from "bun:test";
import { maskedMean, maskedMoments, whiten } from "../../engine/ops/whiten.ts";
import { Role } from "../../engine/rl/roles.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import losses from "../oracle/losses.json" with { type: "json" };
import { expectClose, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";
import { fillElsewhere, randomRoles, rolesOf } from "../support/episodes.ts";

test("whiten agrees with the recorded case", async () => {
  const engine = await testEngine();
  const { generated, x, mean_removed, keep_mean } = losses.masked_whiten;
  const shape = [generated.length, generated[0].length];
  const roles = engine.integers(rolesOf(generated), shape);
  const input = engine.tensor(x.flat(), shape);
  expectClose(await whiten(input, roles).read(), mean_removed.flat());
  expectClose(await whiten(input, roles, { keepMean: true }).read(), keep_mean.flat());
});

for (const [rows, columns] of [[1, 7], [3, 7], [65, 33], [130, 20]]) {
  test(`moments, whitening and mean over [${rows}, ${columns}]`, async () => {
    const engine = await testEngine();
    const shape = [rows, columns], size = rows * columns;
    const codes = randomRoles(rows, columns, 8);
    const numbers = randomNumbers(size, 2).map((value) => value + 3);
    const chosen = numbers.filter((_, i) => codes[i] === Role.GENERATED);
    const n = chosen.length;
    const mean = chosen.reduce((sum, value) => sum + value / n, 0);
    const variance = chosen.reduce((sum, value) => sum + (value - mean) ** 2 / n, 0);
    const x = engine.tensor(numbers, shape), roles = engine.integers(codes, shape);

    expect(n).toBeGreaterThan(1);
    expectClose(await maskedMoments(x, roles).read(), [n, mean, variance], 1e-6);
    const white = Float64Array.from(
      numbers,
      (value) => (value - mean) / Math.sqrt(variance + 1e-8),
    );
    expectClose(await whiten(x, roles).read(), fillElsewhere(white, codes, 0));

    const tape = new Tape();
    tape.watch(x);
    const result = engine.record(tape, () => maskedMean(x, roles, { count: 2 * n }));
    expectClose(await result.read(), [mean / 2], 1e-6);
    tape.backward(result, engine.tensor([3]));
    const slope = fillElsewhere(numbers.map(() => 3 / (2 * n)), codes, 0);
    expectClose(await tape.gradient(x)!.read(), slope, 1e-6);
  });
}

test("equal numbers whiten to 0, not to their rounding error", async () => {
  const engine = await testEngine();
  const roles = engine.integers(new Uint32Array(300).fill(Role.GENERATED), [3, 100]);
  const x = engine.tensor(new Float32Array(300).fill(1000.1), [3, 100]);
  expect(await whiten(x, roles).read()).toEqual(new Float32Array(300));
});

test("a batch without generated tokens has moments and whitened values of 0", async () => {
  const engine = await testEngine();
  const x = engine.tensor(randomNumbers(6, 1), [2, 3]), roles = engine.zeros([2, 3], "u32");
  expect(await maskedMoments(x, roles).read()).toEqual(new Float32Array(3));
  expect(await whiten(x, roles).read()).toEqual(new Float32Array(6));
  expect(() => maskedMean(x, roles, { count: 0 })).toThrow("maskedMean: count is 0, expected");
});
