import { expect, test } from "bun:test";
import { maskedMean, maskedMoments, whiten } from "../../engine/ops/whiten.ts";
import { Role } from "../../engine/ops/roles.ts";
import losses from "../oracle/losses.json" with { type: "json" };
import { expectClose, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";
import { rolesOf } from "../support/roles.ts";
import { checkFamily } from "../support/check.ts";

checkFamily("whiten");

test("whiten agrees with the recorded case", async () => {
  const engine = await testEngine();
  const { generated, x, mean_removed, keep_mean } = losses.masked_whiten;
  const shape = [generated.length, generated[0].length];
  const roles = engine.integers(rolesOf(generated), shape);
  const input = engine.tensor(x.flat(), shape);
  expectClose(await whiten(input, roles).read(), mean_removed.flat());
  expectClose(await whiten(input, roles, { keepMean: true }).read(), keep_mean.flat());
});

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
