import { expect, test } from "bun:test";
import { bradleyTerry, dpoLoss } from "../../engine/ops/preference.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import type { Tensor } from "../../engine/tensor/tensor.ts";
import losses from "../oracle/losses.json" with { type: "json" };
import { expectClose } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";
import { checkFamily } from "../support/check.ts";

checkFamily("preference");

type Numbers = ArrayLike<number>;

/** A loss of a chosen and a rejected tensor, with both gradients at an upstream of `seed`. */
async function run(
  chosen: Numbers,
  rejected: Numbers,
  loss: (chosen: Tensor, rejected: Tensor) => Tensor,
  seed = 1,
) {
  const engine = await testEngine();
  const inputs = [chosen, rejected].map((x) => engine.tensor(Float32Array.from(x)));
  const tape = new Tape();
  for (const input of inputs) tape.watch(input);
  const out = engine.record(tape, () => loss(inputs[0], inputs[1]));
  const value = await out.read();
  tape.backward(out, engine.tensor([seed]));
  const [dChosen, dRejected] = inputs.map((input) => tape.gradient(input)!);
  return { loss: value, dChosen: await dChosen.read(), dRejected: await dRejected.read() };
}

const bradleyTerryCases = [
  ["bradley_terry", false, 0],
  ["bradley_terry_margin", true, 0],
  ["bradley_terry_centered", false, 0.01],
] as const;

for (const [name, withMargin, centering] of bradleyTerryCases) {
  test(`bradleyTerry agrees with the recorded case ${name}`, async () => {
    const engine = await testEngine();
    const { chosen, rejected, margin, ...expected } = losses[name];
    const options = { centering, ...withMargin && { margin: engine.tensor(margin) } };
    const result = await run(chosen, rejected, (c, r) => bradleyTerry(c, r, options));
    expectClose(result.loss, [expected.loss]);
    expectClose(result.dChosen, expected.d_chosen);
    expectClose(result.dRejected, expected.d_rejected);
  });
}

const directCases = [
  ["dpo_sigmoid", {}],
  ["dpo_label_smoothing_0.1", { labelSmoothing: 0.1 }],
  ["ipo", { kind: "ipo" }],
] as const;

for (const [name, options] of directCases) {
  test(`dpoLoss agrees with the recorded case ${name}`, async () => {
    const engine = await testEngine();
    const {
      beta,
      policy_chosen,
      policy_rejected,
      reference_chosen,
      reference_rejected,
      ...expected
    } = losses[name];
    const referenceChosen = engine.tensor(reference_chosen);
    const referenceRejected = engine.tensor(reference_rejected);
    const result = await run(
      policy_chosen,
      policy_rejected,
      (policyChosen, policyRejected) =>
        dpoLoss({ policyChosen, policyRejected, referenceChosen, referenceRejected }, {
          beta,
          ...options,
        }),
    );
    expectClose(result.loss, [expected.loss]);
    expectClose(result.dChosen, expected.d_policy_chosen);
    expectClose(result.dRejected, expected.d_policy_rejected);
  });
}

for (const difference of [-1000, -100, -30, 12, 30, 60]) {
  test(`bradleyTerry is exact at a difference of ${difference}`, async () => {
    const result = await run([difference], [0], (c, r) => bradleyTerry(c, r));
    const expected = Math.max(-difference, 0) + Math.log1p(Math.exp(-Math.abs(difference)));
    expectClose(result.loss, [expected]);
    expectClose(result.dChosen, [-1 / (1 + Math.exp(difference))]);
  });
}

test("arguments that do not fit are refused", async () => {
  const engine = await testEngine();
  const x = engine.zeros([3]), y = engine.zeros([2]);
  const logProbs = { policyChosen: x, policyRejected: x, referenceChosen: x, referenceRejected: x };
  expect(() => bradleyTerry(x, y)).toThrow("bradleyTerry: rejected has shape [2], expected [3]");
  expect(() => bradleyTerry(x, x, { margin: y })).toThrow("margin has shape [2]");
  expect(() => dpoLoss({ ...logProbs, referenceChosen: y }, { beta: 1 })).toThrow(
    "referenceChosen",
  );
  expect(() => dpoLoss(logProbs, { beta: 0 })).toThrow("dpoLoss: beta is 0, expected");
  expect(() => dpoLoss(logProbs, { beta: 1, kind: "ipo", labelSmoothing: 0.1 })).toThrow(
    "leave it out",
  );
});
