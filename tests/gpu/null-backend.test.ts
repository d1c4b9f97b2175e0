import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { SUBGROUP_MATRICES } from "../../engine/gpu/subgroup-matrices.ts";

const Report = z.object({
  features: z.array(z.string()),
  limits: z.record(z.string(), z.number()),
  compiled: z.number(),
  errors: z.array(z.string()),
});

// An adapter need not offer more than 8 storage buffers a kernel, 16 KiB of workgroup memory and 256 threads.
test("every kernel keeps to the limits that every adapter has, that with subgroup matrices too", () => {
  const script = fileURLToPath(new URL("null-backend.ts", import.meta.url));
  const output = execFileSync(process.execPath, [script], { encoding: "utf8", stdio: "pipe" });
  const { features, limits, compiled, errors } = Report.parse(JSON.parse(output));
  expect(features).toContain(SUBGROUP_MATRICES);
  expect(limits).toEqual({
    maxStorageBuffersPerShaderStage: 8,
    maxComputeWorkgroupStorageSize: 16384,
  });
  expect(compiled).toBeGreaterThan(100);
  expect(errors).toEqual([]);
});
