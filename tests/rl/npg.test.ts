import { expect, test } from "bun:test";
import { npgStep } from "../../engine/rl/npg.ts";
import losses from "../oracle/losses.json" with { type: "json" };
import { expectClose } from "../support/compare.ts";

test("npgStep agrees with the recorded case", () => {
  const { eta, lambda, sft, policy, q, next_policy } = losses.npg_step;
  expectClose(npgStep(sft, policy, q, { eta, lambda }).flat(), next_policy.flat(), 1e-12);
});

test("npgStep minimises its objective", () => {
  const sft = [[0.5, 0.3, 0.2]], policy = [[0.2, 0.2, 0.6]], q = [[1, 0.3, -0.5]];
  const eta = 0.8, lambda = 0.3;
  const divergence = (p: readonly number[], r: readonly number[]) =>
    p.reduce((sum, x, i) => sum + x * Math.log(x / r[i]), 0);
  const objective = (p: readonly number[]) =>
    p.reduce((sum, x, i) => sum - x * q[0][i], 0) + lambda * divergence(p, sft[0]) +
    divergence(p, policy[0]) / eta;
  const [best] = npgStep(sft, policy, q, { eta, lambda });
  for (const [from, to] of [[0, 1], [1, 2], [2, 0], [1, 0], [2, 1], [0, 2]]) {
    const other = best.map((x, i) => x + (i === to ? 1e-3 : i === from ? -1e-3 : 0));
    expect(objective(other)).toBeGreaterThan(objective(best));
  }
});

test("an action of probability zero keeps it, also without a tie to the supervised policy", () => {
  for (const lambda of [0, 0.5]) {
    const [next] = npgStep([[0, 0.5, 0.5]], [[0, 0.4, 0.6]], [[9, 1, 0]], { eta: 1, lambda });
    expect(next[0]).toBe(0);
    expect(next[1] + next[2]).toBeCloseTo(1, 12);
  }
});
