import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { entryPoints, shaderForms, shaderNames } from "../../engine/gpu/shaders.ts";
import { runInDeno } from "../../scripts/host/deno.ts";

const outputSchema = z.object({
  compiled: z.int(),
  errors: z.record(z.string(), z.string()),
  leftOut: z.array(z.string()),
});

test("every shader compiles in Deno's own WebGPU (naga)", () => {
  const script = fileURLToPath(new URL("naga-compile.ts", import.meta.url));
  const { compiled, errors, leftOut } = outputSchema.parse(runInDeno(script));
  expect(errors).toEqual({});
  const forms = shaderNames.flatMap((name) => shaderForms(name).map((text) => ({ name, text })));
  const compiles = forms.filter(({ name, text }) =>
    !(leftOut.includes(name) && text.includes("enable subgroups;"))
  );
  expect(compiled).toBe(compiles.flatMap(({ name }) => entryPoints(name)).length);
  // Lavapipe and SwiftShader, which set-up brings, have them.
  if (leftOut.length > 0) console.log(`not compiled, for want of subgroups: ${leftOut.join(", ")}`);
}, 60_000);
