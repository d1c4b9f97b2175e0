import { expect, test } from "bun:test";
import { adapterDescription, requestAdapter } from "../../scripts/host/gpu.ts";

test("the adapter that set-up found computes in this process", async () => {
  const adapter = await requestAdapter();
  const device = await adapter.requestDevice();
  const code = `@group(0) @binding(0) var<storage, read_write> values: array<u32, 4>;
    @compute @workgroup_size(4) fn square(@builtin(local_invocation_index) i: u32) {
      values[i] = i * i;
    }`;
  const module = device.createShaderModule({ code });
  const pipeline = device.createComputePipeline({ layout: "auto", compute: { module } });
  const values = device.createBuffer({
    size: 16,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
  });
  const result = device.createBuffer({
    size: 16,
    usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
  });
  const layout = pipeline.getBindGroupLayout(0);
  const entries = [{ binding: 0, resource: { buffer: values } }];
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(values, 0, result, 0, 16);
  device.queue.submit([encoder.finish()]);
  await result.mapAsync(GPUMapMode.READ);
  expect([...new Uint32Array(result.getMappedRange())]).toEqual([0, 1, 4, 9]);
  device.destroy();
});

test("an adapter is described by name, and as software when it is", async () => {
  const description = adapterDescription(await requestAdapter());
  expect(description.name).not.toBe("");
  expect(description.software).toBe(/llvmpipe|swiftshader/i.test(description.name));
});

test("a runtime without WebGPU of its own is refused with what to do", async () => {
  await expect(requestAdapter("builtin")).rejects.toThrow("provider `dawn`");
});
