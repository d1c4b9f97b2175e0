import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { entryPoints, shaderForms, shaderNames } from "../../engine/gpu/shaders.ts";
import { runInDeno } from "../../scripts/host/deno.ts";

const outputSchema = z.object({
  compiled: z.int(),
  errors: z.record(z.string(), z.string()),
  lacking: z.array(z.string()),
});

/** The one extension that naga cannot read, for it is an experiment of Dawn's. */
const EXPERIMENT = "enable chromium_experimental_subgroup_matrix;";

test("every shader compiles in Deno's own WebGPU (naga)", () => {
  const script = fileURLToPath(new URL("naga-compile.ts", import.meta.url));
  const { compiled, errors, lacking } = outputSchema.parse(runInDeno(script));
  expect(errors).toEqual({});
  const forms = shaderNames.flatMap((name) => shaderForms(name).map((text) => ({ name, text })));
  const compiles = forms.filter(({ text }) => !lacking.some((line) => text.includes(line)));
  expect(compiled).toBe(compiles.flatMap(({ name }) => entryPoints(name)).length);
  // Lavapipe and SwiftShader, which set-up brings, have subgroups and f16.
  const [experiment, ...others] = lacking;
  expect(experiment).toBe(EXPERIMENT);
  if (others.length > 0) console.log(`forms that the adapter lacks: ${others.join(" ")}`);
}, 60_000);
