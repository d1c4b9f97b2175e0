import { expect, test } from "bun:test";
import type { Engine } from "../../engine/gpu/engine.ts";
import { runSelfTest } from "../../engine/gpu/self-test.ts";
import { type ShaderName, shaderText, withIncludes } from "../../engine/gpu/shaders.ts";
import { newEngine } from "../support/engine.ts";

/** Puts a fault into a shader of `engine`, or into what it includes. */
function corrupt(engine: Engine, shader: ShaderName, from: string, to: string): void {
  const own = shaderText(shader), text = own.includes(from) ? own : withIncludes(own, false);
  expect(text).toContain(from);
  engine.kernels.replace(shader, text.replaceAll(from, to));
}

const faults: [shader: ShaderName, from: string, to: string, message: RegExp][] = [
  [
    "logprob",
    "sums += exp(shifted) *",
    "sums += 1.001 * exp(shifted) *",
    /log-probability of a token \(forward of shaders\/logprob\.wgsl\) gives -\S+ for element 0, expected -4/,
  ],
  ["logprob", "i += WORKGROUP", "i += 2 * WORKGROUP", /log-probability of a token/],
  ["random", "0x1bd11bdau", "0x1bd11bdbu", /random number generator/],
  ["adamw", "if (is_finite(norm))", "if (norm == norm || true)", /test for NaN/],
  ["logprob", "exp(shifted)", "unknown(shifted)", /logprob\.wgsl\) does not compile: /],
];

test("a kernel that computes wrongly is refused with the adapter's name", async () => {
  const engine = await newEngine();
  const { description } = engine.device.adapterInfo;
  expect(await runSelfTest(engine)).toEqual(engine.features);
  for (const [shader, from, to, message] of faults) {
    corrupt(engine, shader, from, to);
    const outcome = runSelfTest(engine);
    await expect(outcome).rejects.toThrow(message);
    await expect(outcome).rejects.toThrow(`The adapter "${description}" computes wrongly`);
    engine.kernels.replace(shader, shaderText(shader));
  }
  expect(await runSelfTest(engine)).toEqual(engine.features);
  engine.destroy();
});

// The faults below leave out the loop over k, so that software adapters compile them quickly.

test("a wrong product with subgroups falls back to the one without", async () => {
  const engine = await newEngine();
  if (engine.features.subgroups && engine.features.software) {
    for (const fault of ["k < unknown", "k < 0u"]) {
      corrupt(engine, "matmul_subgroup", "k < params.inner", fault);
      expect(await runSelfTest(engine)).toEqual({ ...engine.features, subgroups: false });
    }
    corrupt(engine, "matmul", "k < params.inner; k++", "k < 0u; k++");
    await expect(runSelfTest(engine)).rejects.toThrow(/matrix product \(direct of/);
  }
  engine.destroy();
});

test("lanes that exchange wrongly, or do not go in step, leave subgroups unused", async () => {
  const engine = await newEngine();
  const faults: [from: string, to: string][] = [
    ["subgroupShuffleXor(own, 4u)", "subgroupShuffleXor(own, 2u)"],
    ["subgroupMax(own)", "own"],
    ["put(0u, at, lane)", "put(0u, at, lane ^ 1u)"],
    // As if a lane were a round ahead: what it reads is not there yet.
    ["numbers[6u * WORKGROUP + (at + 1u) % WORKGROUP]", "0u"],
  ];
  for (const [from, to] of engine.features.subgroups && engine.features.software ? faults : []) {
    corrupt(engine, "lanes", from, to);
    expect(await runSelfTest(engine)).toEqual({ ...engine.features, subgroups: false });
  }
  engine.destroy();
});

test("on a real GPU it is the product of few rows whose fault switches subgroups off", async () => {
  const engine = await newEngine();
  const features = { ...engine.features, software: false };
  corrupt(engine, "matmul_vector_subgroup", "i < WORKGROUP; i += size", "i < size; i += size");
  if (features.subgroups && features.lanes < 64) { // several subgroups a workgroup
    expect(await runSelfTest(engine, features)).toEqual({ ...features, subgroups: false });
  }
  engine.destroy();
});

test("wrong reductions by subgroups fall back to workgroup memory", async () => {
  const engine = await newEngine();
  const real = { ...engine.features, software: false };
  expect(await runSelfTest(engine, real)).toEqual(real);
  if (real.subgroups) {
    // What stands only where workgroup memory is used.
    const sum = "sum_of_lanes(sums, lane)";
    corrupt(engine, "logprob", sum, `${sum} + 0.0 * eighths[0]`);
    expect(await runSelfTest(engine, real)).toEqual({ ...real, subgroups: false });
  }
  engine.destroy();
});

test("f16 is left alone where it is read wrongly", async () => {
  const engine = await newEngine();
  corrupt(engine, "embedding", "var value = f32(", "var value = 2.0 * f32(");
  expect(await runSelfTest(engine)).toEqual({ ...engine.features, half: false });
  engine.destroy();
});

test("real GPUs are tested with the tiled product", async () => {
  const engine = await newEngine();
  corrupt(engine, "matmul_tiled", "k0 < end", "k0 < 0u");
  const outcome = runSelfTest(engine, { ...engine.features, software: false });
  await expect(outcome).rejects.toThrow(/matrix product \(tiled of/);
  engine.destroy();
});
