import { Engine } from "../../engine/gpu/engine.ts";
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
  const engine = await Engine.create(found, { software: adapter.software });
  engine.memoryLimit = memory * GIB;
  return { engine, adapter };
}
