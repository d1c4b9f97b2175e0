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
 * @throws {Error} when there is no adapter or the runtime has no WebGPU of its own
 */
export async function requestAdapter(provider: Provider = "dawn"): Promise<GPUAdapter> {
  const gpu = provider === "dawn" ? await dawn() : builtin();
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter !== null) return adapter;
  throw new Error(
    `No WebGPU adapter: ${provider} under ${process.release.name} found no driver to compute with.` +
      " Run `npm run setup`, which finds or fetches one, and start again.",
  );
}

async function dawn(): Promise<GPU> {
  if (globalThis.homeportDawn === undefined) {
    const { create, globals } = await import("webgpu");
    for (const [name, value] of Object.entries(globals)) {
      if (!(name in globalThis)) Object.assign(globalThis, { [name]: value });
    }
    // Timestamps are otherwise rounded to 65 microseconds, longer than many kernels run.
    globalThis.homeportDawn = create(["disable-dawn-features=timestamp_quantization"]);
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
