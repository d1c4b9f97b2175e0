import { expect, test } from "bun:test";
import { klDivergence, klEstimates } from "../../engine/ops/kl.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import oracle from "../oracle/losses.json" with { type: "json" };
import { dot, expectClose, numericalGradients, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";
import { logSoftmax, rowsOf } from "../support/softmax.ts";

type Numbers = Float32Array | Float64Array;

/** KL of each row in float64. */
function reference(x: Numbers, y: Numbers, columns: number): number[] {
  const logQ = rowsOf(y, columns).map((row) => logSoftmax(row));
  return rowsOf(x, columns).map((row, r) => {
    const logP = logSoftmax(row);
    return dot(logP.map(Math.exp), logP.map((l, j) => l - logQ[r][j]));
  });
}

/** Gradients of dot(KL, upstream) in float64. */
function referenceGradients(x: Numbers, y: Numbers, columns: number, upstream: ArrayLike<number>) {
  const kl = reference(x, y, columns);
  const gradients: [number[], number[]] = [[], []];
  for (let r = 0; r < kl.length; r++) {
    const [logP, logQ] = [x, y].map((m) => logSoftmax(rowsOf(m, columns)[r]));
    logP.forEach((l, j) => {
      const p = Math.exp(l), q = Math.exp(logQ[j]);
      gradients[0].push(upstream[r] * p * (l - logQ[j] - kl[r]));
      gradients[1].push(upstream[r] * (q - p));
    });
  }
  return gradients;
}

test("the float64 gradients are those of finite differences", () => {
  const x = randomNumbers(3 * 7, 1, 2), y = randomNumbers(3 * 7, 2, 2), upstream = [0.5, -1, 2];
  const expected = numericalGradients((x, y) => dot(reference(x, y, 7), upstream), [x, y]);
  referenceGradients(x, y, 7, upstream).forEach((gradient, i) =>
    expectClose(gradient, expected[i], 1e-8)
  );
});

for (const [rows, columns] of [[1, 1], [3, 2], [5, 37], [7, 65], [4, 1024], [2, 50257]]) {
  test(`KL of [${rows}, ${columns}]`, async () => {
    const engine = await testEngine();
    const data = [1, 2].map((seed) => randomNumbers(rows * columns, seed, 3));
    const upstream = randomNumbers(rows, 3);
    const [x, y] = data.map((numbers) => engine.tensor(numbers, [rows, columns]));
    const tape = new Tape();
    tape.watch(x);
    tape.watch(y);
    const kl = engine.record(tape, () => klDivergence(x, y));
    expectClose(await kl.read(), reference(data[0], data[1], columns), 3e-6);
    tape.backward(kl, engine.tensor(upstream));
    const [dx, dy] = referenceGradients(data[0], data[1], columns, upstream);
    expectClose(await tape.gradient(x)!.read(), dx, 1e-5);
    expectClose(await tape.gradient(y)!.read(), dy, 1e-5);
  });
}

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
