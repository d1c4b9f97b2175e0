import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { entryPoints, shaderNames } from "../../engine/gpu/shaders.ts";
import { runInDeno } from "../../scripts/host/deno.ts";

const outputSchema = z.object({
  compiled: z.int(),
  errors: z.record(z.string(), z.string()),
  leftOut: z.array(z.string()),
});

/** Shaders that naga cannot read, an experiment each. */
const DAWN_ALONE = ["matmul_matrices"];

test("every shader compiles in Deno's own WebGPU (naga)", () => {
  const script = fileURLToPath(new URL("naga-compile.ts", import.meta.url));
  const { compiled, errors, leftOut } = outputSchema.parse(runInDeno(script));
  expect(errors).toEqual({});
  const compiles = shaderNames.filter((name) => !leftOut.includes(name));
  expect(compiled).toBe(compiles.flatMap(entryPoints).length);
  // Lavapipe and SwiftShader, which set-up brings, have subgroups.
  const wanting = leftOut.filter((name) => !DAWN_ALONE.includes(name));
  if (wanting.length > 0) console.log(`not compiled, for want of subgroups: ${wanting.join(", ")}`);
  expect(leftOut).toEqual(expect.arrayContaining(DAWN_ALONE));
}, 60_000);
