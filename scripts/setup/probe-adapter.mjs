// Run by probe.mjs as a process of its own: finds an adapter, lets it compute, prints what it is.
import { create, globals } from "webgpu";

Object.assign(globalThis, globals);
const gpu = create([]);
globalThis.homeportDawn = gpu; // Dawn ends the process when this object is collected
const count = 1000;
const kernel = `
@group(0) @binding(0) var<storage, read_write> values: array<f32>;
@compute @workgroup_size(64) fn halves(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < ${count}u) { values[id.x] = 0.5 * f32(id.x) + sqrt(f32(id.x)); }
}`;

/** @param {GPUDevice} device @returns {Promise<Float32Array>} what the kernel writes */
async function compute(device) {
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const values = device.createBuffer({ size: 4 * count, usage: STORAGE | COPY_SRC });
  const copy = device.createBuffer({ size: 4 * count, usage: COPY_DST | MAP_READ });
  const module = device.createShaderModule({ code: kernel });
  const pipeline = device.createComputePipeline({ layout: "auto", compute: { module } });
  const layout = pipeline.getBindGroupLayout(0);
  const entries = [{ binding: 0, resource: { buffer: values } }];
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
  pass.dispatchWorkgroups(Math.ceil(count / 64));
  pass.end();
  encoder.copyBufferToBuffer(values, 0, copy, 0, 4 * count);
  device.queue.submit([encoder.finish()]);
  await copy.mapAsync(GPUMapMode.READ);
  return new Float32Array(copy.getMappedRange().slice(0));
}

/** @returns {Promise<string>} what to print */
async function probe() {
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null) throw new Error("Dawn accepts no adapter");
  const device = await adapter.requestDevice();
  const values = await compute(device);
  device.destroy();
  const wrong = values.findIndex((value, i) => !(Math.abs(value - i / 2 - Math.sqrt(i)) < 1e-3));
  const { description, device: name, isFallbackAdapter: software } = adapter.info;
  if (wrong >= 0) throw new Error(`${description || name} computes wrongly: element ${wrong}`);
  return JSON.stringify({ name: description || name, software });
}

try {
  console.log(await probe());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
