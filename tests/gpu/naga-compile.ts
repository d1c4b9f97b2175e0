// Compiles every entry point of every shader in Deno's own WebGPU, whose compiler is naga, and prints a
// line of JSON: an error for each that fails, and the shaders left out: where the adapter has no subgroups, those
// that need them, and what naga cannot read. Run by naga.test.ts:
//
//   deno run --unstable-webgpu --allow-read --allow-env tests/gpu/naga-compile.ts
import { KernelCache } from "../../engine/gpu/kernels.ts";
import { entryPoints, type ShaderName, shaderNames, shaderText } from "../../engine/gpu/shaders.ts";

const adapter = await navigator.gpu.requestAdapter();
if (!adapter) throw new Error("Deno's WebGPU found no adapter; run `npm run setup`");
// Deno's adapter does not list subgroups, but gives them to whom asks.
const subgroups = ["subgroups" as GPUFeatureName];
const withSubgroups = await adapter.requestDevice({ requiredFeatures: subgroups }).catch(() =>
  null
);
const device = withSubgroups ?? await adapter.requestDevice();
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

const leftOut: ShaderName[] = [];
for (const shader of shaderNames) {
  const text = shaderText(shader);
  // An extension of Dawn's own; naga does not know its types. subgroup-matrices.test.ts compiles it.
  if (text.includes("enable chromium_experimental_subgroup_matrix;")) {
    leftOut.push(shader);
    continue;
  }
  if (text.includes("enable subgroups;")) {
    if (!withSubgroups) {
      leftOut.push(shader);
      continue;
    }
    // naga knows the subgroup functions but not the line that enables them.
    kernels.replace(shader, text.replace("enable subgroups;", ""));
  }
  for (const entry of entryPoints(shader)) await compile(shader, entry);
}
console.log(JSON.stringify({ compiled, errors, leftOut }));
