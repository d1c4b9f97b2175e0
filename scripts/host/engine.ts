import { Engine, type EngineOptions } from "../../engine/gpu/engine.ts";
import type { Experimental } from "../../engine/gpu/device.ts";
import { waitPatiently } from "./patience.ts";
import { ensureDriverEnvironment } from "./driver.ts";
import { type AdapterDescription, adapterDescription, requestAdapter } from "./gpu.ts";

export const GIB = 2 ** 30;

/**
 * An engine on the adapter that set-up found, and what that adapter is. The first thing a script does.
 * @param options `memory`: GiB of the adapter's memory that may be used; `experimental`: what is not yet standard
 */
export async function openEngine(
  { memory = Infinity, experimental }: { memory?: number; experimental?: Experimental } = {},
): Promise<{ engine: Engine; adapter: AdapterDescription }> {
  await ensureDriverEnvironment();
  const found = await requestAdapter("dawn", { experimental: experimental !== undefined });
  const adapter = adapterDescription(found);
  const engine = await createEngine(found, { experimental });
  engine.memoryLimit = Math.floor(memory * GIB);
  return { engine, adapter };
}

/** An engine on an adapter of Dawn, as all scripts and tests have it. */
export function createEngine(found: GPUAdapter, options: EngineOptions = {}): Promise<Engine> {
  const { software } = adapterDescription(found);
  return Engine.create(found, { software, wait: software ? waitPatiently : undefined, ...options });
}
