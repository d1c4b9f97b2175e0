import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import losses from "./losses.json" with { type: "json" };

/** The test that compares with each recorded case. */
const TESTS: Record<keyof typeof losses, string> = {
  log_prob: "ops/logprob",
  entropy: "ops/logprob",
  kl: "ops/kl",
  kl_estimators: "ops/kl",
  gae_paper: "ops/gae",
  gae_discounted: "ops/gae",
  masked_whiten: "ops/whiten",
  ppo: "ops/ppo",
  kl_shaped_reward: "ops/rewards",
  dpo_sigmoid: "ops/preference",
  "dpo_label_smoothing_0.1": "ops/preference",
  ipo: "ops/preference",
  bradley_terry: "ops/preference",
  bradley_terry_margin: "ops/preference",
  bradley_terry_centered: "ops/preference",
  npg_step: "rl/npg",
};

test("every recorded case has its test", () => {
  expect(Object.keys(TESTS).sort()).toEqual(Object.keys(losses).sort());
});

for (const [name, file] of Object.entries(TESTS)) {
  test(`${name} is read by tests/${file}.test.ts`, () => {
    const text = readFileSync(new URL(`../${file}.test.ts`, import.meta.url), "utf8");
    expect(text).toContain("oracle/losses.json");
    const escaped = name.replace(".", "\\.");
    expect(text).toMatch(new RegExp(`(losses|oracle)\\.${escaped}\\b|["']${escaped}["']`));
  });
}
