import { expect, test } from "bun:test";
import { geluReference } from "../../engine/check/families/gelu.ts";
import { gelu } from "../../engine/ops/gelu.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { checkFamily } from "../support/check.ts";
import { testEngine } from "../support/engine.ts";

checkFamily("gelu");

for (const form of ["erf", "tanh"] as const) {
  test(`gelu (${form}) from −5 to 5 is within 1e-6 of each value`, async () => {
    const engine = await testEngine();
    const x = Float32Array.from({ length: 1001 }, (_, i) => (i - 500) / 100);
    const out = await gelu(engine.tensor(x), form).read();
    for (const [i, value] of out.entries()) {
      expect(Math.abs(value - geluReference[form](x[i]))).toBeLessThan(1e-6);
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
