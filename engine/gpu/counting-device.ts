/**
 * A device that computes nothing and holds nothing: its memory has sizes only, and what is read back is
 * zeros. An engine on it goes through the same allocations as on a real one, which counts them.
 * @param limits those of the device in whose place it stands
 */
export function countingDevice(limits: GPUSupportedLimits): GPUDevice {
  const nothing = () => {};
  const object = () => ({});
  const pass = {
    setPipeline: nothing,
    setBindGroup: nothing,
    dispatchWorkgroups: nothing,
    end: nothing,
  };
  const encoder = {
    beginComputePass: () => pass,
    copyBufferToBuffer: nothing,
    copyBufferToTexture: nothing,
    copyTextureToBuffer: nothing,
    clearBuffer: nothing,
    finish: object,
  };
  const device = {
    limits,
    lost: new Promise(nothing), // never
    queue: { writeBuffer: nothing, submit: nothing },
    createBuffer: ({ size }: GPUBufferDescriptor) => ({
      size,
      mapAsync: () => Promise.resolve(),
      getMappedRange: (_offset = 0, bytes: number = size) => new ArrayBuffer(bytes),
      unmap: nothing,
      destroy: nothing,
    }),
    createTexture: () => ({ createView: object, destroy: nothing }),
    createBindGroup: object,
    createBindGroupLayout: object,
    createPipelineLayout: object,
    createComputePipeline: object,
    createShaderModule: object,
    createCommandEncoder: () => encoder,
    pushErrorScope: nothing,
    popErrorScope: () => Promise.resolve(null),
    destroy: nothing,
  };
  return device as unknown as GPUDevice;
}
