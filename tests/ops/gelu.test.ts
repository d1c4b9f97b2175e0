import { expect, test } from "bun:test";
import { gelu, type GeluForm } from "../../engine/ops/gelu.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { dot, expectClose, numericalGradients, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";

/** The error function in float64, by its Taylor series: 100 terms are exact to 1e-13 for |z| ≤ 4. */
function erf(z: number): number {
  if (Math.abs(z) > 4) throw new RangeError(`erf(${z}) is beyond the series`);
  let term = z, sum = z;
  for (let n = 1; n < 100; n++) {
    term *= -z * z / n;
    sum += term / (2 * n + 1);
  }
  return sum * 2 / Math.sqrt(Math.PI);
}

const references: Record<GeluForm, (x: number) => number> = {
  erf: (x) => x * (1 + erf(x / Math.SQRT2)) / 2,
  tanh: (x) => x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))) / 2,
};

for (const form of ["erf", "tanh"] as const) {
  for (const count of [1, 63, 65, 1000]) {
    test(`gelu (${form}) and its gradient over ${count} numbers`, async () => {
      const engine = await testEngine();
      const x = randomNumbers(count, 1, 1.5), seed = randomNumbers(count, 2);
      const input = engine.tensor(x), tape = new Tape();
      tape.watch(input);
      const out = engine.record(tape, () => gelu(input, form));
      // WGSL's exp may be off by 3 + 2|x| units of the last place.
      expectClose(await out.read(), Array.from(x, references[form]), 3e-6);
      tape.backward(out, engine.tensor(seed));
      const [expected] = numericalGradients((x) => dot(x.map(references[form]), seed), [x]);
      expectClose(await tape.gradient(input)!.read(), expected, 3e-6);
    });
  }

  test(`gelu (${form}) from −5 to 5 is within 1e-6 of each value`, async () => {
    const engine = await testEngine();
    const x = Float32Array.from({ length: 1001 }, (_, i) => (i - 500) / 100);
    const out = await gelu(engine.tensor(x), form).read();
    for (const [i, value] of out.entries()) {
      expect(Math.abs(value - references[form](x[i]))).toBeLessThan(1e-6);
    }
  });

  test(`gelu (${form}) of large numbers is x or 0, with gradient 1 or 0`, async () => {
    const engine = await testEngine();
    const x = Float32Array.of(30, -30, 1e6, -1e6, 1e30, -1e30, 0), input = engine.tensor(x);
    const tape = new Tape();
    tape.watch(input);
    const out = engine.record(tape, () => gelu(input, form));
    tape.backward(out, engine.tensor(new Float32Array(7).fill(1)));
    expect([...await out.read()].map(Math.abs)).toEqual([...x].map((x) => Math.max(x, 0)));
    expect([...await tape.gradient(input)!.read()].map(Math.abs)).toEqual([1, 0, 1, 0, 1, 0, 0.5]);
  });
}

test("NaN stays NaN", async () => {
  const engine = await testEngine();
  for (const form of ["erf", "tanh"] as const) {
    expect((await gelu(engine.tensor([NaN]), form).read())[0]).toBeNaN();
  }
});
