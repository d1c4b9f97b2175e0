// Getting a GPU on a server: Bun, Node or Deno.
import process from "node:process";

export { type AdapterDescription, adapterDescription } from "./adapter.ts";

declare global {
  /** Dawn ends the process when this object is collected, so it lives as long as the process. */
  var homeportDawn: GPU | undefined;
}

/** Who implements WebGPU: npm's `webgpu` (Dawn), or the runtime itself (`navigator.gpu`). */
export type Provider = "dawn" | "builtin";

/**
 * The adapter to compute on, a real GPU before a software one. Dawn is asked unless the runtime's
 * own implementation is named: it is the same in Bun, Node and Deno, and the faster one.
 * @param experimental offers features that Dawn does not call safe yet; decided by the first call of a process
 * @throws {Error} when there is no adapter or the runtime has no WebGPU of its own
 */
export async function requestAdapter(
  provider: Provider = "dawn",
  { experimental = false } = {},
): Promise<GPUAdapter> {
  const gpu = provider === "dawn" ? await dawn(experimental) : builtin();
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter !== null) return adapter;
  throw new Error(
    `No WebGPU adapter: ${provider} under ${process.release.name} found no driver to compute with.` +
      " Run `npm run setup`, which finds or fetches one, and start again.",
  );
}

async function dawn(experimental: boolean): Promise<GPU> {
  if (globalThis.homeportDawn === undefined) {
    const { create, globals } = await import("webgpu");
    for (const [name, value] of Object.entries(globals)) {
      if (!(name in globalThis)) Object.assign(globalThis, { [name]: value });
    }
    // Timestamps are otherwise rounded to 65 microseconds, longer than many kernels run.
    const options = ["disable-dawn-features=timestamp_quantization"];
    if (experimental) options.push("enable-dawn-features=allow_unsafe_apis");
    globalThis.homeportDawn = create(options);
  }
  return globalThis.homeportDawn;
}

function builtin(): GPU {
  if (globalThis.navigator?.gpu !== undefined) return navigator.gpu;
  throw new Error(
    "This runtime has no WebGPU of its own (navigator.gpu); use the provider `dawn`, or Deno with" +
      " `--unstable-webgpu`.",
  );
}
