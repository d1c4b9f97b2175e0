import { expect, test } from "bun:test";
import { type Rope, rotaryFrequencies, rotarySize } from "../../engine/nn/rope.ts";

const ROPE: Rope = { theta: 10_000, fraction: 1, scaling: null };

test("frequencies fall from 1 by powers of theta over the dimensions that turn", () => {
  expect(rotaryFrequencies(ROPE, 4)).toEqual([1, 0.01]);
  expect(rotaryFrequencies({ ...ROPE, fraction: 0.25 }, 16)).toEqual([1, 0.01]);
  expect(rotaryFrequencies({ ...ROPE, fraction: 0.4 }, 10)).toEqual([1, 0.01]);
});

test("linear scaling slows all of them", () => {
  const scaling = { type: "linear", factor: 4 } as const;
  expect(rotaryFrequencies({ ...ROPE, scaling }, 4)).toEqual([0.25, 0.0025]);
});

test("llama3 scaling keeps fast ones, slows slow ones by the factor, and passes smoothly between", () => {
  // Llama 3.1's own numbers.
  const scaling = {
    type: "llama3",
    factor: 8,
    lowFrequencyFactor: 1,
    highFrequencyFactor: 4,
    originalContext: 8192,
  } as const;
  const plain = rotaryFrequencies({ ...ROPE, theta: 5e5 }, 128);
  const scaled = rotaryFrequencies({ ...ROPE, theta: 5e5, scaling }, 128);
  const between = [];
  for (const [i, frequency] of plain.entries()) {
    const wave = 2 * Math.PI / frequency;
    if (wave < 8192 / 4) expect(scaled[i]).toBe(frequency);
    else if (wave > 8192) expect(scaled[i]).toBeCloseTo(frequency / 8, 15);
    else between.push(i);
  }
  expect(between).toEqual([29, 30, 31, 32, 33, 34]);
  for (const i of between) {
    // As transformers' _compute_llama3_parameters has it.
    const smooth = (8192 / (2 * Math.PI / plain[i]) - 1) / (4 - 1);
    expect(scaled[i]).toBeCloseTo((1 - smooth) * plain[i] / 8 + smooth * plain[i], 15);
    expect(scaled[i]).toBeLessThan(scaled[i - 1]);
  }
});

test("an odd number of dimensions, or none, cannot turn", () => {
  expect(() => rotarySize(ROPE, 7)).toThrow("7 dimensions of each head");
  expect(() => rotarySize({ ...ROPE, fraction: 0.1 }, 8)).toThrow("0 dimensions of each head");
});
