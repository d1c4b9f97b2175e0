import { expect, test } from "bun:test";
import { shapeRewards } from "../../engine/ops/rewards.ts";
import losses from "../oracle/losses.json" with { type: "json" };
import { expectClose } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";
import { rolesOf } from "../support/roles.ts";
import { checkFamily } from "../support/check.ts";

checkFamily("rewards");

test("shapeRewards agrees with the recorded case", async () => {
  const engine = await testEngine();
  const { kl_coefficient, generated, score, log_probs, reference_log_probs, rewards } =
    losses.kl_shaped_reward;
  const shape = [generated.length, generated[0].length];
  const result = shapeRewards({
    scores: engine.tensor(score),
    logProbs: engine.tensor(log_probs.flat(), shape),
    referenceLogProbs: engine.tensor(reference_log_probs.flat(), shape),
    roles: engine.integers(rolesOf(generated), shape),
  }, { klCoefficient: kl_coefficient });
  expectClose(await result.read(), rewards.flat());
});

test("a wrong shape or dtype names the argument", async () => {
  const engine = await testEngine();
  const logProbs = engine.zeros([2, 3]), referenceLogProbs = engine.zeros([2, 3]);
  const roles = engine.zeros([2, 3], "u32"), scores = engine.zeros([2]);
  const options = { klCoefficient: 0 };
  expect(() =>
    shapeRewards({ scores: engine.zeros([3]), logProbs, referenceLogProbs, roles }, options)
  )
    .toThrow("shapeRewards: scores has shape [3], expected [2]");
  expect(() =>
    shapeRewards({ scores, logProbs, referenceLogProbs: engine.zeros([3, 2]), roles }, options)
  ).toThrow("shapeRewards: referenceLogProbs has shape [3, 2], expected [2, 3]");
  expect(() => shapeRewards({ scores, logProbs, referenceLogProbs, roles: logProbs }, options))
    .toThrow("shapeRewards: roles has dtype f32, expected u32");
});
