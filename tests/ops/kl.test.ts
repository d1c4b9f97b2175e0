import { expect, test } from "bun:test";
import { klDivergence, klEstimates } from "../../engine/ops/kl.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import oracle from "../oracle/losses.json" with { type: "json" };
import { dot, expectClose, numericalGradients, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";
import { checkFamily } from "../support/check.ts";

checkFamily("kl");

test("equal rows have a KL of exactly 0, whatever is added to all logits", async () => {
  const engine = await testEngine();
  const data = randomNumbers(3 * 300, 4, 5).map((x) => Math.round(x * 64) / 64);
  const x = engine.tensor(data, [3, 300]);
  const y = engine.tensor(data.map((value) => value + 8), [3, 300]);
  expect([...await klDivergence(x, y).read()]).toEqual([0, 0, 0]);
});

test("the oracle's KL and its gradients", async () => {
  const engine = await testEngine();
  const { logits, reference_logits, d_out, kl, d_logits, d_reference_logits } = oracle.kl;
  const [x, y] = [logits, reference_logits].map((rows) => engine.tensor(rows.flat(), [5, 37]));
  const tape = new Tape();
  tape.watch(x);
  tape.watch(y);
  const out = engine.record(tape, () => klDivergence(x, y));
  expectClose(await out.read(), kl, 1e-6);
  tape.backward(out, engine.tensor(d_out));
  expectClose(await tape.gradient(x)!.read(), d_logits.flat(), 5e-6);
  expectClose(await tape.gradient(y)!.read(), d_reference_logits.flat(), 5e-6);
});

test("the oracle's estimators, over any shape", async () => {
  const engine = await testEngine();
  const { d, k1, k2, k3 } = oracle.kl_estimators;
  const out = klEstimates(engine.tensor(d.flat(), [4, 6]), engine.zeros([4, 6]));
  expect(out.k3.shape).toEqual([4, 6]);
  expectClose(await out.k1.read(), k1.flat(), 1e-6);
  expectClose(await out.k2.read(), k2.flat(), 1e-6);
  expectClose(await out.k3.read(), k3.flat(), 1e-6);
});

test("each estimator's gradient, alone and together", async () => {
  const engine = await testEngine();
  const names = ["k1", "k2", "k3"] as const;
  const p = randomNumbers(333, 6), q = randomNumbers(333, 7), weight = randomNumbers(333, 8);
  const f = {
    k1: (d: number) => d,
    k2: (d: number) => d * d / 2,
    k3: (d: number) => Math.exp(-d) - 1 + d,
  };
  for (const name of names) {
    const logProb = engine.tensor(p);
    const tape = new Tape();
    tape.watch(logProb);
    const out = engine.record(tape, () => klEstimates(logProb, engine.tensor(q)));
    tape.backward(out[name], engine.tensor(weight));
    const [expected] = numericalGradients(
      (p) => dot(p.map((l, i) => f[name](l - q[i])), weight),
      [p],
    );
    expectClose(await tape.gradient(logProb)!.read(), expected, 2e-6);
  }
});

test("k3 and its gradient keep their digits near 0", async () => {
  const engine = await testEngine();
  const d = Float32Array.of(1e-6, -1e-4, 3e-3, -0.02, 0.2, 0.2499, 0.2501, -0.2499, -0.2501);
  for (const [i, value] of d.entries()) {
    const logProb = engine.tensor([value]);
    const tape = new Tape();
    tape.watch(logProb);
    const { k3 } = engine.record(tape, () => klEstimates(logProb, engine.zeros([1])));
    const expected = Math.expm1(-d[i]) + d[i]; // in float64
    const series = d[i] ** 2 / 2 - d[i] ** 3 / 6; // where even float64 would lose digits
    expectClose(await k3.read(), [Math.abs(d[i]) < 1e-3 ? series : expected], 5e-6);
    tape.backward(k3);
    expectClose(await tape.gradient(logProb)!.read(), [-Math.expm1(-d[i])], 2e-6);
  }
});

test("shapes that differ are refused", async () => {
  const engine = await testEngine();
  expect(() => klDivergence(engine.zeros([2, 3]), engine.zeros([2, 4]))).toThrow("expected [2, 3]");
  expect(() => klEstimates(engine.zeros([3]), engine.zeros([4]))).toThrow("expected [3]");
});
