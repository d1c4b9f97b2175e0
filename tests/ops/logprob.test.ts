import { expect, test } from "bun:test";
import { logProbReference } from "../../engine/check/families/logprob.ts";
import {
  launchLogProb,
  launchLogProbGradient,
  logProbabilityOfLogits,
} from "../../engine/ops/logprob.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import oracle from "../oracle/losses.json" with { type: "json" };
import {
  dot,
  expectClose,
  numericalGradients,
  randomIntegers,
  randomNumbers,
} from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";
import { logSoftmax, rowsOf } from "../../engine/check/softmax.ts";
import { checkFamily } from "../support/check.ts";

checkFamily("logprob");

/** The gradient of dot(logProb, dLogProb) + dot(entropy, dEntropy) in float64. */
function referenceGradient(
  logits: Float32Array,
  targets: ArrayLike<number>,
  temperature: number,
  dLogProb: ArrayLike<number>,
  dEntropy: ArrayLike<number>,
): number[] {
  const { entropy } = logProbReference(logits, targets, temperature);
  return rowsOf(logits, logits.length / targets.length).flatMap((row, r) =>
    [...logSoftmax(row, temperature)].map((logP, j) => {
      const p = Math.exp(logP), hit = j === targets[r] ? 1 : 0;
      return (dLogProb[r] * (hit - p) - dEntropy[r] * p * (logP + entropy[r])) / temperature;
    })
  );
}

test("the float64 gradient is that of finite differences", () => {
  const logits = randomNumbers(3 * 7, 1, 2), targets = [6, 0, 3];
  const dLogProb = [0.5, -1, 2], dEntropy = [1.5, 0.25, -1];
  const [expected] = numericalGradients((x) => {
    const { logProb, entropy } = logProbReference(x, targets, 0.7);
    return dot(logProb, dLogProb) + dot(entropy, dEntropy);
  }, [logits]);
  expectClose(referenceGradient(logits, targets, 0.7, dLogProb, dEntropy), expected, 1e-8);
});

test("the oracle's log-probabilities and entropies, with their gradients", async () => {
  const engine = await testEngine();
  for (const [name, output] of [["log_prob", "logProb"], ["entropy", "entropy"]] as const) {
    const { logits, d_out, d_logits } = oracle[name];
    const targets = engine.integers(oracle.log_prob.targets);
    const x = engine.tensor(logits.flat(), [5, 37]);
    const tape = new Tape();
    tape.watch(x);
    const { [output]: out } = engine.record(tape, () => logProbabilityOfLogits(x, targets));
    const expected = name === "log_prob" ? oracle.log_prob.log_prob : oracle.entropy.entropy;
    expectClose(await out.read(), expected, 1e-6);
    tape.backward(out, engine.tensor(d_out));
    expectClose(await tape.gradient(x)!.read(), d_logits.flat(), 5e-6);
  }
});

test("chunks of rows give what the whole gives, and leave other positions alone", async () => {
  const engine = await testEngine();
  const vocabulary = 70, positions = 11, temperature = 0.8;
  const data = randomNumbers(positions * vocabulary, 5, 3);
  const ids = randomIntegers(positions, vocabulary, 6);
  const upstream = [randomNumbers(positions, 7), randomNumbers(positions, 8)];
  const targets = engine.integers(ids);
  const [dLogProb, dEntropy] = upstream.map((x) => engine.tensor(x));
  const [logProb, entropy, logSumExp] = [0, 1, 2].map(() =>
    engine.tensor(new Float32Array(positions).fill(9))
  );
  const logits = engine.empty([4, vocabulary]);
  const gradients: number[] = [];
  for (const [offset, end] of [[4, 8], [8, 11]]) {
    const rows = end - offset;
    const part = data.subarray(offset * vocabulary, end * vocabulary);
    const chunk = { rows, vocabulary, temperature, offset };
    const padded = new Float32Array(4 * vocabulary);
    padded.set(part);
    engine.write(logits, padded);
    launchLogProb({ logits, targets, logProb, entropy, logSumExp }, chunk);
    launchLogProbGradient({ logits, targets, logSumExp, entropy, dLogProb, dEntropy }, chunk);
    gradients.push(...(await logits.read()).subarray(0, part.length));
  }
  const expected = logProbReference(data, ids, temperature);
  expectClose(await logProb.read(), [9, 9, 9, 9, ...expected.logProb.slice(4)], 1e-6);
  expectClose(await entropy.read(), [9, 9, 9, 9, ...expected.entropy.slice(4)], 1e-6);
  const gradient = referenceGradient(data, ids, temperature, upstream[0], upstream[1]);
  expectClose(gradients, gradient.slice(4 * vocabulary), 1e-5);
});

test("bad arguments are named", async () => {
  const engine = await testEngine();
  const logits = engine.zeros([2, 3]), ids = engine.integers([0, 1]);
  expect(() => logProbabilityOfLogits(logits, engine.integers([1]))).toThrow(
    "targets has shape [1]",
  );
  expect(() => logProbabilityOfLogits(logits, engine.tensor([0, 1]))).toThrow("holds f32");
  expect(() => logProbabilityOfLogits(logits, ids, { temperature: 0 })).toThrow("temperature is 0");
  const buffers = { logits, targets: ids, logProb: ids, entropy: ids, logSumExp: ids };
  const chunk = { rows: 2, vocabulary: 3, temperature: 1, offset: 1 };
  expect(() => launchLogProb(buffers, chunk)).toThrow("beyond the 2 targets");
  expect(() => launchLogProb(buffers, { ...chunk, vocabulary: 4 })).toThrow("room for [2, 4]");
});

test("a target outside of the vocabulary cannot pass for a token", async () => {
  const engine = await testEngine();
  const { logProb } = logProbabilityOfLogits(engine.zeros([2, 3]), engine.integers([3, 2]));
  expectClose(await logProb.read(), [-1e30, Math.log(1 / 3)], 1e-6);
});
