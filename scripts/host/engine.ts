import { Engine, type EngineOptions } from "../../engine/gpu/engine.ts";
import { waitPatiently } from "./patience.ts";
import { ensureDriverEnvironment } from "./driver.ts";
import { type AdapterDescription, adapterDescription, requestAdapter } from "./gpu.ts";

/** An engine on the adapter that set-up found, and what that adapter is. The first thing a script does. */
export async function openEngine(): Promise<{ engine: Engine; adapter: AdapterDescription }> {
  await ensureDriverEnvironment();
  const found = await requestAdapter();
  const adapter = adapterDescription(found);
  return { engine: await createEngine(found), adapter };
}

/** An engine on an adapter of Dawn, as all scripts and tests have it. */
export function createEngine(found: GPUAdapter, options: EngineOptions = {}): Promise<Engine> {
  const { software } = adapterDescription(found);
  return Engine.create(found, { software, wait: software ? waitPatiently : undefined, ...options });
}
