// The same checks in another implementation of WebGPU than Dawn in Bun.
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { ensureDriverEnvironment } from "../host/driver.ts";
import { runInChromium } from "../host/chromium.ts";
import { runInDeno } from "../host/deno.ts";
import type { RemoteCheck, RemoteReport } from "./remote.ts";

/** Deno's own WebGPU (wgpu with naga), or headless Chromium over SwiftShader. */
export type Elsewhere = "deno" | "chromium";

const reportSchema = z.object({
  adapter: z.string(),
  rows: z.array(z.object({ line: z.string(), failed: z.boolean() })),
});

/** Runs the checks there. Throws where the runtime is missing or a kernel does not compile. */
export async function checkElsewhere(where: Elsewhere, what: RemoteCheck): Promise<RemoteReport> {
  const script = fileURLToPath(new URL("remote.ts", import.meta.url));
  await ensureDriverEnvironment();
  const report = where === "deno"
    ? runInDeno(script, [JSON.stringify(what)])
    : await runInChromium(script, what);
  return reportSchema.parse(report);
}
