import { test } from "bun:test";
import { generalizedAdvantage } from "../../engine/ops/gae.ts";
import losses from "../oracle/losses.json" with { type: "json" };
import { expectClose } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";
import { rolesOf } from "../support/roles.ts";
import { checkFamily } from "../support/check.ts";

checkFamily("gae");

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
