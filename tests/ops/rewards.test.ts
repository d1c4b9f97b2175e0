import { expect, test } from "bun:test";
import { shapeRewards } from "../../engine/ops/rewards.ts";
import { Role } from "../../engine/rl/roles.ts";
import losses from "../oracle/losses.json" with { type: "json" };
import { expectClose, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";
import { randomRoles, rolesOf } from "../support/episodes.ts";

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

for (const [rows, columns] of [[1, 1], [3, 7], [65, 33], [130, 20]]) {
  test(`shapeRewards over [${rows}, ${columns}]`, async () => {
    const engine = await testEngine();
    const shape = [rows, columns], size = rows * columns;
    const roles = randomRoles(rows, columns, 1);
    const scores = randomNumbers(rows, 2);
    const logProbs = randomNumbers(size, 3), reference = randomNumbers(size, 4);
    const expected = new Float64Array(size);
    for (let i = 0; i < size; i++) {
      if (roles[i] === Role.GENERATED) expected[i] = -0.3 * (logProbs[i] - reference[i]);
    }
    for (let row = 0; row < rows; row++) {
      const last = roles.subarray(row * columns, (row + 1) * columns).lastIndexOf(Role.GENERATED);
      if (last >= 0) expected[row * columns + last] += scores[row];
    }
    const rewards = shapeRewards({
      scores: engine.tensor(scores),
      logProbs: engine.tensor(logProbs, shape),
      referenceLogProbs: engine.tensor(reference, shape),
      roles: engine.integers(roles, shape),
    }, { klCoefficient: 0.3 });
    expectClose(await rewards.read(), expected, 1e-6);
  });
}

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
