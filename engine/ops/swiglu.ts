import { expectShape, type Tensor } from "../tensor/tensor.ts";

/**
 * silu(gate) · up, elementwise, for gate and up [N, F]; silu(g) = g / (1 + e^−g) (Shazeer 2020, "GLU
 * Variants Improve Transformer").
 */
export function swiglu(gate: Tensor, up: Tensor): Tensor {
  expectShape("swiglu", "up", up, gate.shape);
  const { engine, size: count } = gate;
  const out = engine.empty(gate.shape);
  engine.launch("swiglu", "forward", { gate, up, out }, { count }, engine.grid(count));
  engine.tape?.record("swiglu", [gate, up], out, (upstream, sink) => {
    const gateGradient = engine.empty(gate.shape), upGradient = engine.empty(gate.shape);
    const gradients = { gate_gradient: gateGradient, up_gradient: upGradient };
    const bindings = { gate, up, upstream, ...gradients };
    engine.launch("swiglu", "backward", bindings, { count }, engine.grid(count));
    sink.give(gate, gateGradient);
    sink.give(up, upGradient);
  });
  return out;
}
