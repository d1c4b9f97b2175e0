import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { shaderNames } from "../../engine/gpu/shaders.ts";
import { runInDeno } from "../../scripts/host/deno.ts";

const outputSchema = z.object({
  adapter: z.string(),
  compiled: z.int(),
  errors: z.record(z.string(), z.string()),
});

/**
 * Deno's WebGPU has no feature "subgroups", so these optional kernels cannot compile there. That it is all
 * that naga finds wrong with them, and that adapters without the feature get other kernels, is tested.
 */
const NEEDS_SUBGROUPS = [
  "attention_subgroup.forward",
  "attention_subgroup.key_gradient",
  "attention_subgroup.query_gradient",
  "matmul_subgroup.product",
];

test("every shader compiles in Deno's own WebGPU (naga)", () => {
  const script = fileURLToPath(new URL("naga-compile.ts", import.meta.url));
  const { compiled, errors } = outputSchema.parse(runInDeno(script));
  expect(Object.keys(errors).sort()).toEqual(NEEDS_SUBGROUPS);
  for (const error of Object.values(errors)) {
    // Entry points after a file's first only say that the file did not compile.
    expect(error).toMatch(
      /requires capability Capabilities\(SUBGROUP\)|_subgroup.wgsl' label is invalid/,
    );
  }
  expect(compiled).toBeGreaterThan(shaderNames.length);
}, 60_000);
