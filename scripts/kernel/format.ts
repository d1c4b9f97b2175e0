import type { Cost } from "../../engine/check/op.ts";
import type { Ceilings } from "../lib/ceilings.ts";
import type { Timing } from "../lib/measure.ts";

/** `1.23 ± 0.04 ms`. */
export function formatTiming({ median, spread }: Timing): string {
  return `${median.toFixed(3)} ± ${spread.toFixed(3)} ms`;
}

/** What was achieved: arithmetic where it is what counts, else memory traffic. */
export function formatRate({ flops, bytes }: Cost, { median }: Timing): string {
  if (flops) return `${giga(flops / median * 1e3)} GFLOP/s`;
  return bytes ? `${giga(bytes / median * 1e3)} GB/s` : "";
}

/** Both rates, as far as the op states its work. */
export function formatRates({ flops, bytes }: Cost, { median }: Timing): string {
  const rates = [];
  if (flops) rates.push(`${giga(flops / median * 1e3)} GFLOP/s`);
  if (bytes) rates.push(`${giga(bytes / median * 1e3)} GB/s`);
  return rates.join(", ");
}

/** The least milliseconds that the ceilings allow for so much work, and which of them sets it. */
export function roofline({ flops = 0, bytes = 0 }: Cost, ceilings: Ceilings) {
  const arithmetic = 1e3 * flops / ceilings.flops, traffic = 1e3 * bytes / ceilings.bytes;
  return arithmetic > traffic
    ? { least: arithmetic, bound: "arithmetic" }
    : { least: traffic, bound: "memory traffic" };
}

/** Billions, with enough digits for small ones. */
export function giga(perSecond: number): string {
  return (perSecond / 1e9).toPrecision(3);
}
