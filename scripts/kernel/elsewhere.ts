// The same checks in another implementation of WebGPU than Dawn in Bun.
import type { Family } from "../../engine/check/op.ts";

export function checkElsewhere(
  _within: "deno" | "chromium",
  _families: readonly Family[],
  _options: { full: boolean },
): Promise<void> {
  return Promise.reject(new Error("soon"));
}
