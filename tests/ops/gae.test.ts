import { test } from "bun:test";
import { generalizedAdvantage } from "../../engine/ops/gae.ts";
import { Role } from "../../engine/rl/roles.ts";
import losses from "../oracle/losses.json" with { type: "json" };
import { expectClose, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";
import { randomRoles, rolesOf } from "../support/episodes.ts";

for (const name of ["gae_paper", "gae_discounted"] as const) {
  test(`generalizedAdvantage agrees with the recorded case ${name}`, async () => {
    const engine = await testEngine();
    const { gamma, lambda, generated, rewards, values, ...expected } = losses[name];
    const shape = [generated.length, generated[0].length];
    const { advantages, returns } = generalizedAdvantage({
      rewards: engine.tensor(rewards.flat(), shape),
      values: engine.tensor(values.flat(), shape),
      roles: engine.integers(rolesOf(generated), shape),
    }, { gamma, lambda });
    expectClose(await advantages.read(), expected.advantages.flat());
    expectClose(await returns.read(), expected.returns.flat());
  });
}

/** The definition itself: A[t] = Σₖ (γλ)ᵏ δ[t + k], one row of generated tokens at a time. */
function reference(
  rewards: Float32Array,
  values: Float32Array,
  places: number[],
  [gamma, lambda]: [number, number],
): number[] {
  const deltas = places.map((i, k) =>
    rewards[i] + gamma * (k + 1 < places.length ? values[places[k + 1]] : 0) - values[i]
  );
  return deltas.map((_, start) =>
    deltas.slice(start).reduce((sum, delta, k) => sum + (gamma * lambda) ** k * delta, 0)
  );
}

for (const [rows, columns] of [[1, 1], [3, 7], [65, 33], [130, 20]]) {
  test(`generalizedAdvantage over [${rows}, ${columns}]`, async () => {
    const engine = await testEngine();
    const shape = [rows, columns], size = rows * columns;
    const roles = randomRoles(rows, columns, 1);
    const rewards = randomNumbers(size, 2), values = randomNumbers(size, 3);
    const advantages = new Float64Array(size), returns = new Float64Array(size);
    for (let row = 0; row < rows; row++) {
      const places = Array.from({ length: columns }, (_, t) => row * columns + t)
        .filter((i) => roles[i] === Role.GENERATED);
      reference(rewards, values, places, [0.98, 0.9]).forEach((advantage, k) => {
        advantages[places[k]] = advantage;
        returns[places[k]] = advantage + values[places[k]];
      });
    }
    const result = generalizedAdvantage({
      rewards: engine.tensor(rewards, shape),
      values: engine.tensor(values, shape),
      roles: engine.integers(roles, shape),
    }, { gamma: 0.98, lambda: 0.9 });
    expectClose(await result.advantages.read(), advantages, 1e-5);
    expectClose(await result.returns.read(), returns, 1e-5);
  });
}
