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
 * Deno's WebGPU has no feature "subgroups", so this optional kernel cannot compile there. That it is all
 * that naga finds wrong with it, and that adapters without the feature get another kernel, is tested.
 */
const NEEDS_SUBGROUPS = "matmul_subgroup.product";

test("every shader compiles in Deno's own WebGPU (naga)", () => {
  const script = fileURLToPath(new URL("naga-compile.ts", import.meta.url));
  const { compiled, errors } = outputSchema.parse(runInDeno(script));
  const { [NEEDS_SUBGROUPS]: subgroups, ...others } = errors;
  expect(others).toEqual({});
  expect(subgroups).toContain("requires capability Capabilities(SUBGROUP)");
  expect(compiled).toBeGreaterThan(shaderNames.length);
}, 60_000);
