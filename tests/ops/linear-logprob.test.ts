import { expect, test } from "bun:test";
import { linearLogProbability } from "../../engine/ops/linear-logprob.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import {
  dot,
  expectClose,
  numericalGradients,
  randomIntegers,
  randomNumbers,
} from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";

interface Sizes {
  rows: number;
  width: number;
  vocabulary: number;
}

/** Log probabilities and entropies of softmax(h·Wᵀ / temperature) in float64. */
function reference(
  hidden: ArrayLike<number>,
  weight: ArrayLike<number>,
  targets: Uint32Array,
  { rows, width, vocabulary }: Sizes,
  temperature: number,
): { logProb: number[]; entropy: number[] } {
  const logProb: number[] = [], entropy: number[] = [];
  for (let r = 0; r < rows; r++) {
    const logits = Array.from({ length: vocabulary }, (_, v) => {
      let sum = 0;
      for (let c = 0; c < width; c++) sum += hidden[r * width + c] * weight[v * width + c];
      return sum / temperature;
    });
    const top = Math.max(...logits);
    const total = top + Math.log(logits.reduce((sum, x) => sum + Math.exp(x - top), 0));
    logProb.push(logits[targets[r]] - total);
    entropy.push(-logits.reduce((sum, x) => sum + Math.exp(x - total) * (x - total), 0));
  }
  return { logProb, entropy };
}

const cases: [Sizes, number, number][] = [
  [{ rows: 1, width: 1, vocabulary: 1 }, 1, 1 << 20],
  [{ rows: 7, width: 5, vocabulary: 33 }, 0.7, 1 << 20],
  // Chunks of 64 rows: several, and a last one that is not full.
  [{ rows: 150, width: 12, vocabulary: 37 }, 1.3, 64 * 37 * 4],
  [{ rows: 64, width: 64, vocabulary: 257 }, 1, 1],
];

for (const [sizes, temperature, chunkBytes] of cases) {
  const { rows, width, vocabulary } = sizes;
  test(`log probability and entropy of ${rows} × ${width} rows over ${vocabulary} tokens, in chunks`, async () => {
    const engine = await testEngine();
    const hidden = randomNumbers(rows * width, 1), weight = randomNumbers(vocabulary * width, 2);
    const targets = randomIntegers(rows, vocabulary, 3);
    const [upLogProb, upEntropy] = [randomNumbers(rows, 4), randomNumbers(rows, 5)];
    const h = engine.tensor(hidden, [rows, width]), w = engine.tensor(weight, [vocabulary, width]);
    const tape = new Tape();
    tape.watch(h);
    tape.watch(w);
    const options = { temperature, chunkBytes };
    const out = engine.record(
      tape,
      () => linearLogProbability(h, w, engine.integers(targets), options),
    );
    const expected = reference(hidden, weight, targets, sizes, temperature);
    expectClose(await out.logProb.read(), expected.logProb, 1e-5);
    expectClose(await out.entropy.read(), expected.entropy, 1e-5);

    tape.backwardFrom([[out.logProb, engine.tensor(upLogProb)], [
      out.entropy,
      engine.tensor(upEntropy),
    ]]);
    const picked = {
      hidden: [0, hidden.length - 1],
      weight: [0, weight.length - 1, targets[0] * width],
    };
    const at = (data: Float32Array, places: number[], values: ArrayLike<number>) => {
      const full = Float64Array.from(data);
      places.forEach((place, i) => full[place] = values[i]);
      return full;
    };
    const [dHidden, dWeight] = numericalGradients(
      (a, b) => {
        const { logProb, entropy } = reference(
          at(hidden, picked.hidden, a),
          at(weight, picked.weight, b),
          targets,
          sizes,
          temperature,
        );
        return dot(logProb, upLogProb) + dot(entropy, upEntropy);
      },
      [picked.hidden.map((i) => hidden[i]), picked.weight.map((i) => weight[i])],
    );
    const [gradientH, gradientW] = [await tape.gradient(h)!.read(), await tape.gradient(w)!.read()];
    const last = (places: number[], i: number) => places.lastIndexOf(places[i]) === i;
    picked.hidden.forEach((place, i) => {
      if (last(picked.hidden, i)) {
        expect(Math.abs(gradientH[place] - dHidden[i])).toBeLessThan(2e-4);
      }
    });
    picked.weight.forEach((place, i) => {
      if (last(picked.weight, i)) {
        expect(Math.abs(gradientW[place] - dWeight[i])).toBeLessThan(2e-3);
      }
    });
  });
}

test("a wrong shape names the argument", async () => {
  const engine = await testEngine();
  const targets = engine.integers([0, 1]);
  expect(() => linearLogProbability(engine.zeros([2, 3]), engine.zeros([5, 4]), targets)).toThrow(
    "linearLogProbability: weight has shape [5, 4], expected [5, 3]",
  );
});
