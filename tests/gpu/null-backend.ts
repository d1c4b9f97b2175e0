// Compiles every kernel on Dawn's null backend, which computes nothing but has all features, and by default no more
// than WebGPU's own limits; prints what it refuses. For a process of its own: one has one Dawn.
import { create } from "webgpu";
import { KernelCache, type KernelConstants } from "../../engine/gpu/kernels.ts";
import { entryPoints, type ShaderName, shaderNames } from "../../engine/gpu/shaders.ts";

const gpu = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
Object.assign(globalThis, { gpu }); // Dawn ends the process when it is collected
const adapter = (await gpu.requestAdapter())!;
const requiredFeatures = [...adapter.features] as GPUFeatureName[];
const device = await adapter.requestDevice({ requiredFeatures });
const { subgroupMaxSize: WORKGROUP } = adapter.info; // as Dawn asks of subgroup matrices
const matrices = { ROWS: 8, COLUMNS: 8, INNER: 8, WORKGROUP };

/** The largest forms in which kernels are launched, where those are not what their WGSL says. */
const largest: Partial<Record<ShaderName, KernelConstants[]>> = {
  attention: [{ HEAD_VECTORS: 64, UNROLL: 1, WORKGROUP: 64, LANES: 8 }], // LANES fall with the device's limit
  kl: [{ WORKGROUP: 256 }],
  logprob: [{ WORKGROUP: 256 }],
  truncation: [{ WORKGROUP: 256 }],
  matmul_matrices: [0, 1].map((TRANSPOSE_A) => ({ ...matrices, TRANSPOSE_A })),
};

const kernels = new KernelCache(device), errors: string[] = [];
for (const shader of shaderNames) {
  for (const entry of entryPoints(shader)) {
    for (const constants of largest[shader] ?? [{}]) {
      for (const SUBGROUPS of [0, 1]) {
        device.pushErrorScope("validation");
        kernels.get(shader, entry, { ...constants, SUBGROUPS });
        const error = await device.popErrorScope();
        if (error) errors.push(`${shader}.${entry}: ${error.message}`);
      }
    }
  }
}
const { maxStorageBuffersPerShaderStage, maxComputeWorkgroupStorageSize } = device.limits;
console.log(JSON.stringify({
  features: requiredFeatures,
  limits: { maxStorageBuffersPerShaderStage, maxComputeWorkgroupStorageSize },
  compiled: kernels.pipelinesCreated,
  errors,
}));
process.exit(0);
