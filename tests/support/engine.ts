import type { Engine, EngineOptions } from "../../engine/gpu/engine.ts";
import { createEngine } from "../../scripts/host/engine.ts";
import { requestAdapter } from "../../scripts/host/gpu.ts";

let engine: Promise<Engine> | null = null;

/** One engine for all tests of a process: making a device and its pipelines is the slow part. */
export function testEngine(): Promise<Engine> {
  return engine ??= newEngine();
}

let collectedAt = 0;

/**
 * Has bind groups collected that nothing uses any more, after so many: a process may have 65,530 mappings, and Mesa makes
 * one for each. After each test, see bunfig.toml.
 */
export async function collect(): Promise<void> {
  const { bindGroupsCreated = 0 } = (await engine)?.counts ?? {};
  if (bindGroupsCreated - collectedAt < 1000) return;
  Bun.gc(true);
  collectedAt = bindGroupsCreated;
}

/** An engine of its own, for a test that replaces kernels, counts bytes or breaks the device. */
export async function newEngine(options: EngineOptions = {}): Promise<Engine> {
  return createEngine(await requestAdapter(), options);
}
