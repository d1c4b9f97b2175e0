import { Engine } from "../../engine/gpu/engine.ts";
import { ensureDriverEnvironment } from "./driver.ts";
import { type AdapterDescription, adapterDescription, requestAdapter } from "./gpu.ts";

/** An engine on the adapter that set-up found, and what that adapter is. The first thing a script does. */
export async function openEngine(): Promise<{ engine: Engine; adapter: AdapterDescription }> {
  await ensureDriverEnvironment();
  const found = await requestAdapter();
  const adapter = adapterDescription(found);
  return { engine: await Engine.create(found, { software: adapter.software }), adapter };
}
