import { failures } from "../../engine/check/check.ts";
import type { GridRow } from "../../engine/check/grid.ts";
import { describeSizes } from "../../engine/check/op.ts";

/** `ok attention B=1 … out 0.12, gradient of q 0.30 of the tolerance`. */
export function describeRow({ op, variant, sizes, deviations }: GridRow): string {
  const parts = deviations.map(({ quantity, error, tolerance }) =>
    tolerance === 0
      ? `${quantity} ${error === 0 ? "exact" : `off by ${error.toPrecision(2)}, expected exact`}`
      : `${quantity} ${error.toExponential(1)} of ${tolerance.toExponential()}`
  );
  const state = failures(deviations).length ? "FAILED" : "ok    ";
  return `${state} ${[op.name, variant, describeSizes(sizes)].filter(Boolean).join(" ")}: ${
    parts.join(", ")
  }`;
}
