import { expect, test } from "bun:test";
import { failures } from "../../engine/check/check.ts";
import { checkGrid } from "../../engine/check/grid.ts";
import { registry } from "../../engine/check/registry.ts";
import type { Engine } from "../../engine/gpu/engine.ts";
import { shaderText } from "../../engine/gpu/shaders.ts";
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
  const { shader, what, right, wrong } = fault;
  test(`${shader}: ${what}`, async () => {
    if (shader.endsWith("_subgroup") && !engine.features.subgroups) return;
    const text = shaderText(shader);
    expect(text).toContain(right);
    engine.kernels.replace(shader, text.replace(right, () => wrong));
    try {
      expect(await caught(engine, fault)).toBe(true);
    } finally {
      engine.kernels.replace(shader, text);
    }
  }, 30_000);
}

test("every family has a fault that is caught", () => {
  const tried = new Set(faults.map(({ shader }) => shader));
  for (const { shaders } of registry) {
    expect(shaders.some((shader) => tried.has(shader))).toBe(true);
  }
});
