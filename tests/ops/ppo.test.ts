import { expect, test } from "bun:test";
import { policyLoss, PolicyStatistic, valueLoss, ValueStatistic } from "../../engine/ops/ppo.ts";
import { Role } from "../../engine/ops/roles.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import losses from "../oracle/losses.json" with { type: "json" };
import { expectClose, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";
import { randomRoles } from "../../engine/check/episodes.ts";
import { countGenerated, rolesOf } from "../support/roles.ts";
import { checkFamily } from "../support/check.ts";

checkFamily("ppo");

type Numbers = ArrayLike<number>;

/** Both losses of one batch on the GPU: loss, gradient and statistics, with an upstream gradient of `seed`. */
async function run(
  kind: "policy" | "value",
  inputs: readonly [variable: Numbers, old: Numbers, third: Numbers],
  codes: Uint32Array,
  { shape, clip, count, seed = 1 }: { shape: number[]; clip: number; count: number; seed?: number },
) {
  const engine = await testEngine();
  const [variable, old, third] = inputs.map((x) => engine.tensor(Float32Array.from(x), shape));
  const roles = engine.integers(codes, shape);
  const tape = new Tape();
  tape.watch(variable);
  const { loss, statistics } = engine.record(
    tape,
    () =>
      kind === "policy"
        ? policyLoss({ logProbs: variable, oldLogProbs: old, advantages: third, roles }, {
          clip,
          count,
        })
        : valueLoss({ values: variable, oldValues: old, returns: third, roles }, { clip, count }),
  );
  const value = (await loss.read())[0];
  tape.backward(loss, engine.tensor([seed]));
  const gradient = await tape.gradient(variable)!.read();
  return { loss: value, gradient, statistics: await statistics.read() };
}

test("policyLoss agrees with the recorded case", async () => {
  const { clip, generated, log_probs, old_log_probs, advantages, ...expected } = losses.ppo;
  const codes = rolesOf(generated), count = countGenerated(codes);
  const inputs = [log_probs.flat(), old_log_probs.flat(), advantages.flat()] as const;
  const shape = [generated.length, generated[0].length];
  const { loss, gradient, statistics } = await run("policy", inputs, codes, { shape, clip, count });
  expectClose([loss], [expected.policy_loss]);
  expectClose(gradient, expected.d_log_probs.flat());
  expect(statistics[PolicyStatistic.TOKENS]).toBe(count);
  expectClose([statistics[PolicyStatistic.CLIPPED] / count], [expected.clip_fraction]);
  expectClose([statistics[PolicyStatistic.KL] / count], [expected.approx_kl]);
});

test("valueLoss agrees with the recorded case", async () => {
  const { value_clip: clip, generated, values, old_values, returns, ...expected } = losses.ppo;
  const codes = rolesOf(generated), count = countGenerated(codes);
  const inputs = [values.flat(), old_values.flat(), returns.flat()] as const;
  const shape = [generated.length, generated[0].length];
  const { loss, gradient } = await run("value", inputs, codes, { shape, clip, count });
  expectClose([loss], [expected.value_loss]);
  expectClose(gradient, expected.d_values.flat());
});

test("equal arguments of a maximum share the gradient, as in PyTorch", async () => {
  const codes = new Uint32Array(4).fill(Role.GENERATED);
  const options = { shape: [1, 4], clip: 0.25, count: 1 };
  // Ratio 1: both terms are equal and both pass the gradient.
  const zeros = [0, 0, 0, 0], advantages = [2, -3, 0, 0.5];
  const policy = await run("policy", [zeros, zeros, advantages], codes, options);
  expect([...policy.gradient].map((x) => x + 0)).toEqual([-2, 3, 0, -0.5]);
  // On the edge of the clip a maximum, and on either side of the return a square, are tied.
  const value = await run(
    "value",
    [[0.25, -0.25, 0.75, 0], zeros, [1, -1, 0.5, 0.125]],
    codes,
    options,
  );
  expect([...value.gradient]).toEqual([-0.75 * 0.75, 0.75 * 0.75, 0.125, -0.125]);
});

test("losses of micro-batches add up to the loss of the batch", async () => {
  const rows = 6, columns = 10, half = rows * columns / 2;
  const codes = randomRoles(rows, columns, 8), count = countGenerated(codes);
  const inputs = [1, 2, 3].map((seed) => randomNumbers(rows * columns, seed, 0.3));
  const part = (from: number, to: number) => {
    const [a, b, c] = inputs.map((x) => x.slice(from, to));
    const options = { shape: [(to - from) / columns, columns], clip: 0.2, count };
    return run("policy", [a, b, c], codes.slice(from, to), options);
  };
  const [first, second, whole] = [
    await part(0, half),
    await part(half, 2 * half),
    await part(0, 2 * half),
  ];
  expectClose([first.loss + second.loss], [whole.loss]);
  expect([...first.gradient, ...second.gradient]).toEqual([...whole.gradient]);
});

test("statistics have as many places as names", async () => {
  const one = Uint32Array.of(Role.GENERATED);
  const { statistics } = await run("value", [[1], [1], [1]], one, {
    shape: [1, 1],
    clip: 1,
    count: 1,
  });
  expect(Object.values(PolicyStatistic)).toEqual([...statistics.keys()] as never);
  expect(Object.values(ValueStatistic)).toEqual([...statistics.keys()] as never);
});

test("a count of 0 is refused", async () => {
  const one = Uint32Array.of(Role.GENERATED);
  await expect(run("policy", [[1], [1], [1]], one, { shape: [1, 1], clip: 1, count: 0 }))
    .rejects.toThrow("policyLoss: count is 0, expected");
});
