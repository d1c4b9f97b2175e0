// What an adapter says about itself, in any runtime.

export interface AdapterDescription {
  /** The most telling name there is, e.g. "NVIDIA H100" or "llvmpipe: Mesa 25.0.7". */
  name: string;
  vendor: string;
  architecture: string;
  device: string;
  description: string;
  /** Whether it computes on the CPU. */
  software: boolean;
}

/** What the adapter says about itself; a built-in WebGPU may leave any of it empty. */
export function adapterDescription(adapter: GPUAdapter): AdapterDescription {
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  const name = description || device || [vendor, architecture].filter(Boolean).join(" ") ||
    "unnamed adapter";
  const software = isFallbackAdapter || /llvmpipe|lavapipe|swiftshader/i.test(`${device} ${name}`);
  return { name, vendor, architecture, device, description, software };
}
