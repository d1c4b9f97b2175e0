import type { Engine, EngineOptions } from "../../engine/gpu/engine.ts";
import { createEngine } from "../../scripts/host/engine.ts";
import { requestAdapter } from "../../scripts/host/gpu.ts";

let engine: Promise<Engine> | null = null;

let collectedAt = 0;

/** One engine for all tests of a process: making a device and its pipelines is the slow part. */
export async function testEngine(): Promise<Engine> {
  const shared = await (engine ??= newEngine());
  // A process may have 65,530 mappings, and Mesa makes one for each bind group until that is collected.
  const { bindGroupsCreated } = shared.counts;
  if (bindGroupsCreated - collectedAt > 2000) {
    Bun.gc(true);
    collectedAt = bindGroupsCreated;
  }
  return shared;
}

/** An engine of its own, for a test that replaces kernels, counts bytes or breaks the device. */
export async function newEngine(options: EngineOptions = {}): Promise<Engine> {
  return createEngine(await requestAdapter(), options);
}
