/** Learning rate over the steps of a run: a linear warm-up, then constant, or falling to 0. */
export interface Schedule {
  peak: number;
  kind: "constant" | "linear" | "cosine";
  /** Share of the steps spent warming up. */
  warmup: number;
}

/** The learning rate of step `step` (from 0) of `steps`. */
export function learningRate(
  { peak, kind, warmup }: Schedule,
  step: number,
  steps: number,
): number {
  const warm = Math.round(warmup * steps);
  if (step < warm) return peak * (step + 1) / warm;
  const done = (step - warm) / Math.max(steps - warm, 1);
  if (kind === "constant") return peak;
  return kind === "linear" ? peak * (1 - done) : peak * 0.5 * (1 + Math.cos(Math.PI * done));
}
