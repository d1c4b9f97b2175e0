import { expect, test } from "bun:test";
import { swiglu } from "../../engine/ops/swiglu.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { testEngine } from "../support/engine.ts";
import { checkFamily } from "../support/check.ts";

checkFamily("swiglu");

const sigmoid = (g: number) => 1 / (1 + Math.exp(-g));
const silu = (g: number) => g * sigmoid(g);
const siluSlope = (g: number) => sigmoid(g) * (1 + g * sigmoid(-g));

async function outputAndGradients(
  gate: Float32Array,
  up: Float32Array,
  seed: Float32Array,
  shape: number[],
) {
  const engine = await testEngine();
  const tensors = [engine.tensor(gate, shape), engine.tensor(up, shape)];
  const tape = new Tape();
  for (const tensor of tensors) tape.watch(tensor);
  const out = engine.record(tape, () => swiglu(tensors[0], tensors[1]));
  tape.backward(out, engine.tensor(seed, shape));
  const gradients = tensors.map((tensor) => tape.gradient(tensor)!.read());
  return Promise.all([out.read(), ...gradients]);
}

test("large gates saturate and stay finite", async () => {
  const gate = Float32Array.of(-1e30, -1000, -88, -20, 20, 88, 1000, 1e30);
  const ones = new Float32Array(gate.length).fill(1);
  const [out, gateGradient, upGradient] = await outputAndGradients(gate, ones, ones, [2, 4]);
  gate.forEach((g, i) => {
    const expected = g < -100 ? [0, 0] : [silu(g), siluSlope(g)];
    const tolerance = (value: number) => 1e-5 * Math.abs(value) + 1e-36;
    for (const value of [out[i], upGradient[i]]) {
      expect(Math.abs(value - expected[0])).toBeLessThanOrEqual(tolerance(expected[0]));
    }
    expect(Math.abs(gateGradient[i] - expected[1])).toBeLessThanOrEqual(tolerance(expected[1]));
  });
});

test("swiglu names an up of another shape", async () => {
  const engine = await testEngine();
  expect(() => swiglu(engine.zeros([2, 3]), engine.zeros([3, 2])))
    .toThrow("swiglu: up has shape [3, 2], expected [2, 3]");
});
