import { Engine } from "../../engine/gpu/engine.ts";
import { adapterDescription, requestAdapter } from "../../scripts/host/gpu.ts";

let engine: Promise<Engine> | null = null;

/** One engine for all tests of a process: making a device and its pipelines is the slow part. */
export function testEngine(): Promise<Engine> {
  return engine ??= newEngine();
}

/** An engine of its own, for a test that replaces kernels, counts bytes or breaks the device. */
export async function newEngine(options: { bindingLimit?: number } = {}): Promise<Engine> {
  const adapter = await requestAdapter();
  return Engine.create(adapter, { ...options, software: adapterDescription(adapter).software });
}
