import type { Shape, Tensor } from "../tensor/tensor.ts";

/** The same numbers under another shape, without a copy. Differentiable. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const out = x.view(shape);
  x.engine.tape?.record(
    "reshape",
    [x],
    out,
    (upstream, sink) => sink.give(x, upstream.view(x.shape)),
  );
  return out;
}
