import type { Tensor } from "../tensor/tensor.ts";

/** factor · x. */
export function scale(x: Tensor, factor: number): Tensor {
  const { engine, size: count } = x;
  const out = engine.empty(x.shape);
  engine.launch("elementwise", "scale", { x, out }, { count, factor }, engine.grid(count));
  engine.tape?.record("scale", [x], out, (upstream, sink) => sink.give(x, scale(upstream, factor)));
  return out;
}
