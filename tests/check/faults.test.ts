import { expect, test } from "bun:test";
import { failures } from "../../engine/check/check.ts";
import { checkGrid } from "../../engine/check/grid.ts";
import { registry } from "../../engine/check/registry.ts";
import type { Engine } from "../../engine/gpu/engine.ts";
import { shaderText, withIncludes } from "../../engine/gpu/shaders.ts";
import { newEngine } from "../support/engine.ts";
import { type Fault, faults } from "./faults.ts";

/** Whether the check of the op fails at one of its shapes. */
async function caught(engine: Engine, { shader, op, variant, sizes }: Fault): Promise<boolean> {
  const families = registry.filter(({ shaders }) => shaders.includes(shader))
    .map((family) => ({
      ...family,
      ops: family.ops.filter(({ name }) => name === op)
        .map((op) => ({ ...op, grid: sizes ? [sizes] : op.grid })),
    }));
  for await (const { deviations } of checkGrid(engine, families, { variant })) {
    if (failures(deviations).length > 0) return true;
  }
  return false;
}

const engine = await newEngine();

for (const fault of faults) {
  const { shader, what, right, wrong, variant } = fault;
  test(`${shader}: ${what}`, async () => {
    const text = withIncludes(shaderText(shader), variant === "subgroup");
    if (text.includes("enable subgroups;") && !engine.features.subgroups) return;
    expect(text).toContain(right);
    engine.kernels.replace(shader, text.replace(right, () => wrong));
    try {
      expect(await caught(engine, fault)).toBe(true);
    } finally {
      engine.kernels.replace(shader, shaderText(shader));
    }
  }, 30_000);
}

test("every family has a fault that is caught", () => {
  const tried = new Set(faults.map(({ shader }) => shader));
  for (const { shaders } of registry) {
    expect(shaders.some((shader) => tried.has(shader))).toBe(true);
  }
});
