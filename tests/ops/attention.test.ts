import { expect, test } from "bun:test";
import {
  attention,
  type AttentionVariant,
  decodeAttention,
  type Heads,
  storeInCache,
} from "../../engine/ops/attention.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { dot, expectClose, numericalGradients, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";

/** Attention in float64, sequence by sequence and head by head. */
function reference(
  q: ArrayLike<number>,
  k: ArrayLike<number>,
  v: ArrayLike<number>,
  { heads, keyHeads, headSize: D, scale = 1 / Math.sqrt(D) }: Heads,
  lengths: readonly number[],
): Float64Array {
  const out = new Float64Array(q.length);
  let start = 0;
  for (const length of lengths) {
    for (let h = 0; h < heads; h++) {
      const g = Math.floor(h / (heads / keyHeads));
      for (let i = 0; i < length; i++) {
        const at = ((start + i) * heads + h) * D;
        const key = (j: number) => ((start + j) * keyHeads + g) * D;
        const scores = Array.from({ length: i + 1 }, (_, j) => {
          let s = 0;
          for (let d = 0; d < D; d++) s += q[at + d] * k[key(j) + d];
          return s * scale;
        });
        const top = Math.max(...scores);
        const weights = scores.map((s) => Math.exp(s - top));
        const total = weights.reduce((a, b) => a + b);
        weights.forEach((w, j) => {
          for (let d = 0; d < D; d++) out[at + d] += w / total * v[key(j) + d];
        });
      }
    }
    start += length;
  }
  return out;
}

function offsetsOf(lengths: readonly number[]): number[] {
  const offsets = [0];
  for (const length of lengths) offsets.push(offsets.at(-1)! + length);
  return offsets;
}

const cases: { heads: Heads; lengths: number[] }[] = [
  { heads: { heads: 1, keyHeads: 1, headSize: 8 }, lengths: [1] },
  { heads: { heads: 4, keyHeads: 2, headSize: 16 }, lengths: [33, 1, 5] },
  { heads: { heads: 8, keyHeads: 1, headSize: 32 }, lengths: [2, 19] },
  { heads: { heads: 8, keyHeads: 1, headSize: 12 }, lengths: [7, 64] },
  { heads: { heads: 2, keyHeads: 2, headSize: 64 }, lengths: [70] },
  { heads: { heads: 3, keyHeads: 3, headSize: 8, scale: 0.7 }, lengths: [9, 2] },
  { heads: { heads: 2, keyHeads: 1, headSize: 128 }, lengths: [3, 40] },
];

for (const { heads, lengths } of cases) {
  const name = `${heads.heads}/${heads.keyHeads} heads of ${heads.headSize}, lengths ${lengths}`;
  const variants: AttentionVariant[] = heads.headSize % 8 || heads.headSize > 64
    ? ["plain"]
    : ["plain", "subgroup"];
  test.each(variants)(`attention %s and its gradients: ${name}`, async (variant) => {
    const engine = await testEngine();
    if (variant === "subgroup" && !engine.features.subgroups) return;
    const rows = lengths.reduce((a, b) => a + b);
    const widths = [heads.heads, heads.keyHeads, heads.keyHeads].map((n) => n * heads.headSize);
    const inputs = widths.map((width, i) => randomNumbers(rows * width, i + 1));
    const upstream = randomNumbers(rows * widths[0], 9);
    const [q, k, v] = inputs.map((data, i) => engine.tensor(data, [rows, widths[i]]));
    const sequences = {
      offsets: engine.integers(offsetsOf(lengths)),
      count: lengths.length,
      longest: Math.max(...lengths),
    };
    const tape = new Tape();
    for (const input of [q, k, v]) tape.watch(input);
    const out = engine.record(tape, () => attention(q, k, v, heads, sequences, variant));
    expectClose(await out.read(), reference(inputs[0], inputs[1], inputs[2], heads, lengths), 2e-6);

    tape.backward(out, engine.tensor(upstream, q.shape));
    const found = await Promise.all([q, k, v].map((input) => tape.gradient(input)!.read()));
    const f = (...x: Float64Array[]) => dot(reference(x[0], x[1], x[2], heads, lengths), upstream);
    // Numerical differentiation is quadratic in the size: a few entries of each input stand for all.
    const picked = inputs.map((data) =>
      Array.from({ length: 6 }, (_, i) => (i * 7919) % data.length)
    );
    const expected = numericalGradients(
      (...x) =>
        f(...inputs.map((data, n) => {
          const full = Float64Array.from(data);
          picked[n].forEach((at, i) => full[at] = x[n][i]);
          return full;
        })),
      picked.map((at, n) => at.map((i) => inputs[n][i])),
    );
    found.forEach((gradient, n) => {
      const largest = Math.max(...gradient.map(Math.abs), 1e-3);
      new Set(picked[n]).forEach((at) => {
        const i = picked[n].lastIndexOf(at);
        expect(Math.abs(gradient[at] - expected[n][i]) / largest).toBeLessThan(1e-5);
      });
    });
  });

  test(`decoding through the cache gives the same rows: ${name}`, async () => {
    const engine = await testEngine();
    const capacity = Math.max(...lengths) + 2;
    const rows = lengths.reduce((a, b) => a + b);
    const widths = [heads.heads, heads.keyHeads, heads.keyHeads].map((n) => n * heads.headSize);
    const inputs = widths.map((width, i) => randomNumbers(rows * width, i + 1));
    const expected = reference(inputs[0], inputs[1], inputs[2], heads, lengths);
    const [, k, v] = inputs.map((data, i) => engine.tensor(data, [rows, widths[i]]));
    const shape = [lengths.length, capacity, widths[1]];
    const cache = { keys: engine.zeros(shape), values: engine.zeros(shape) };
    const sequences = engine.integers(lengths.flatMap((length, b) => Array(length).fill(b)));
    const positions = engine.integers(lengths.flatMap((length) => [...Array(length).keys()]));
    storeInCache(k, v, cache, sequences, positions);

    const last = offsetsOf(lengths).slice(1).map((end) => end - 1);
    const row = (data: ArrayLike<number>, at: number) =>
      Array.from({ length: widths[0] }, (_, i) => data[at * widths[0] + i]);
    const q = engine.tensor(last.flatMap((at) => row(inputs[0], at)), [lengths.length, widths[0]]);
    const out = decodeAttention(q, cache, engine.integers(lengths.map((n) => n - 1)), heads);
    expectClose(await out.read(), last.flatMap((at) => row(expected, at)), 2e-6);
  });
}

test("heads that cannot be grouped are refused", async () => {
  const engine = await testEngine();
  const q = engine.zeros([4, 24]), k = engine.zeros([4, 16]);
  const sequences = { offsets: engine.integers([0, 4]), count: 1, longest: 4 };
  expect(() => attention(q, k, k, { heads: 3, keyHeads: 2, headSize: 8 }, sequences)).toThrow(
    "3 query heads cannot share 2 key heads",
  );
});
