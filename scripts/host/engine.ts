import { Engine, type EngineOptions } from "../../engine/gpu/engine.ts";
import { waitPatiently } from "./patience.ts";
import { ensureDriverEnvironment } from "./driver.ts";
import { type AdapterDescription, adapterDescription, requestAdapter } from "./gpu.ts";

export const GIB = 2 ** 30;

/**
 * An engine on the adapter that set-up found, and what that adapter is. The first thing a script does.
 * @param options `memory`: GiB of the adapter's memory that may be used
 */
export async function openEngine(
  { memory = Infinity }: { memory?: number } = {},
): Promise<{ engine: Engine; adapter: AdapterDescription }> {
  await ensureDriverEnvironment();
  const found = await requestAdapter();
  const adapter = adapterDescription(found);
  const engine = await createEngine(found);
  engine.memoryLimit = memory * GIB;
  return { engine, adapter };
}

/** An engine on an adapter of Dawn, as all scripts and tests have it. */
export function createEngine(found: GPUAdapter, options: EngineOptions = {}): Promise<Engine> {
  const { software } = adapterDescription(found);
  return Engine.create(found, { software, wait: software ? waitPatiently : undefined, ...options });
}
