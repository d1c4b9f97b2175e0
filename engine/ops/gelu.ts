import type { Tensor } from "../tensor/tensor.ts";

/** Φ by the error function, or by its approximation with tanh. */
export type GeluForm = "erf" | "tanh";

/**
 * x·Φ(x), elementwise, with Φ the standard normal distribution function (Hendrycks and Gimpel 2016, "Gaussian
 * Error Linear Units", arXiv:1606.08415).
 */
export function gelu(x: Tensor, form: GeluForm): Tensor {
  const { engine, size: count } = x;
  const out = engine.empty(x.shape);
  const parameters = { count, tanh_form: Number(form === "tanh") };
  engine.launch("gelu", "forward", { x, out }, parameters, engine.grid(count));
  engine.tape?.record("gelu", [x], out, (upstream, sink) => {
    const x_gradient = engine.empty(x.shape);
    const bindings = { x, upstream, x_gradient };
    engine.launch("gelu", "backward", bindings, parameters, engine.grid(count));
    sink.give(x, x_gradient);
  });
  return out;
}
