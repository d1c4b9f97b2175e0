// Compiles every entry point of every shader in Deno's own WebGPU, whose compiler is naga, and prints a
// line of JSON: an error for each that fails, and the extensions that were left out because naga or the
// adapter lacks them. Run by naga.test.ts:
//
//   deno run --unstable-webgpu --allow-read --allow-env tests/gpu/naga-compile.ts
import { KernelCache } from "../../engine/gpu/kernels.ts";
import {
  entryPoints,
  shaderForms,
  type ShaderName,
  shaderNames,
} from "../../engine/gpu/shaders.ts";

const adapter = await navigator.gpu.requestAdapter();
if (!adapter) throw new Error("Deno's WebGPU found no adapter; run `npm run setup`");
// Deno's adapter does not list subgroups, but gives them to whom asks.
const half: GPUFeatureName[] = adapter.features.has("shader-f16") ? ["shader-f16"] : [];
const withSubgroups = await adapter.requestDevice({
  requiredFeatures: [...half, "subgroups" as GPUFeatureName],
}).catch(() => null);
const device = withSubgroups ?? await adapter.requestDevice({ requiredFeatures: half });
const kernels = new KernelCache(device);
const errors: Record<string, string> = {};
let compiled = 0;

async function compile(shader: ShaderName, entry: string): Promise<void> {
  device.pushErrorScope("validation");
  kernels.get(shader, entry);
  const error = await device.popErrorScope();
  if (error) errors[`${shader}.${entry}`] = error.message;
  else compiled++;
}

const lacking = [
  "enable chromium_experimental_subgroup_matrix;", // naga knows none; subgroup-matrices.test.ts compiles it
  ...withSubgroups ? [] : ["enable subgroups;"],
  ...half.length > 0 ? [] : ["enable f16;"],
];
for (const shader of shaderNames) {
  for (const text of shaderForms(shader)) {
    if (lacking.some((line) => text.includes(line))) continue;
    // naga knows the subgroup functions but not the line that enables them.
    kernels.replace(shader, text.replace("enable subgroups;", ""));
    for (const entry of entryPoints(shader)) await compile(shader, entry);
  }
}
console.log(JSON.stringify({ compiled, errors, lacking }));
