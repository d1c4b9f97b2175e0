import { expect, test } from "bun:test";
import { shaderNames, shaderText, withIncludes } from "../../engine/gpu/shaders.ts";

test("what a shader includes is put in its place, and a wrong name is told", () => {
  for (const name of shaderNames) {
    expect(withIncludes(shaderText(name), false)).not.toContain("\n// include ");
  }
  const text = "// A kernel.\n\n// include reductions\n";
  expect(withIncludes(text, false)).toContain("workgroupBarrier()");
  expect(withIncludes(text, true)).toMatch(/^enable subgroups;\n/);
  expect(() => withIncludes("// include product\n// include sums\n", false)).toThrow(
    '"// include sums": there are attention_params, cache_attention, cache_params, draw, gaussian, logistic, product, reductions, rotation, row_instruction, row_kept, row_product, row_statistics, row_step, texels, texture_cache, threefry to include',
  );
});
