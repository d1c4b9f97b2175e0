import { expect, test } from "bun:test";
import { openFolder } from "../../scripts/host/files.ts";
import { checkModel } from "../../scripts/lib/model-check.ts";
import { newEngine } from "../support/engine.ts";
import { oracle } from "../support/shared.ts";

// With the kernels that a real GPU computes with, [in, out] weights and [out, in] weights.
for (const name of ["gpt2", "llama-tied"]) {
  test(`${name} holds PyTorch's numbers with the kernels of real GPUs`, async () => {
    const engine = await newEngine({ software: false });
    const checks = await checkModel(engine, openFolder(oracle(`models/${name}`)));
    expect(checks.length).toBeGreaterThan(2);
    expect(checks.filter(({ error, tolerance }) => !(error <= tolerance))).toEqual([]);
    engine.destroy();
  });
}
