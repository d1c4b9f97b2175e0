// An adapter need not offer more than WebGPU's own limits: 8 storage buffers a kernel, 16 KiB of workgroup memory,
// 256 threads. Dawn's null backend, which computes nothing, holds every kernel to them.
import { expect, test } from "bun:test";
import { create } from "webgpu";
import { KernelCache, type KernelConstants } from "../../engine/gpu/kernels.ts";
import { entryPoints, type ShaderName, shaderNames } from "../../engine/gpu/shaders.ts";

/** The largest forms in which kernels are launched, where those are not what their WGSL says. */
const largest: Partial<Record<ShaderName, KernelConstants>> = {
  attention: { HEAD_VECTORS: 64, UNROLL: 1, WORKGROUP: 64, LANES: 8 }, // LANES fall with the device's limit
  kl: { WORKGROUP: 256 },
  logprob: { WORKGROUP: 256 },
  truncation: { WORKGROUP: 256 },
};

test("every kernel keeps to the limits that every adapter has", async () => {
  const gpu = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
  Object.assign(globalThis, { nullDawnOfLimits: gpu }); // Dawn ends the process when it is collected
  const adapter = (await gpu.requestAdapter())!;
  const requiredFeatures = [...adapter.features] as GPUFeatureName[];
  const device = await adapter.requestDevice({ requiredFeatures });
  expect(device.limits.maxStorageBuffersPerShaderStage).toBe(8);
  expect(device.limits.maxComputeWorkgroupStorageSize).toBe(16384);
  const kernels = new KernelCache(device), errors: string[] = [];
  const { subgroupMaxSize: WORKGROUP } = adapter.info; // as Dawn asks of subgroup matrices
  for (const shader of shaderNames) {
    for (const entry of entryPoints(shader)) {
      for (const SUBGROUPS of [0, 1]) {
        device.pushErrorScope("validation");
        const constants = shader === "matmul_matrices" ? { WORKGROUP } : largest[shader];
        kernels.get(shader, entry, { ...constants, SUBGROUPS });
        const error = await device.popErrorScope();
        if (error) errors.push(`${shader}.${entry}: ${error.message}`);
      }
    }
  }
  expect(errors).toEqual([]);
});
