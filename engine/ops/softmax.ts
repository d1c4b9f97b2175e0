import { expectShape, type Tensor } from "../tensor/tensor.ts";

/** Softmax of each row. `x` is `[R, V]`, and so is the result. */
export function softmax(x: Tensor): Tensor {
  expectShape("softmax", "x", x, [null, null]);
  const { engine } = x;
  const [rows, columns] = x.shape;
  const out = engine.empty(x.shape);
  engine.launch("softmax", "forward", { x, out }, { rows, columns }, engine.grid(rows, 1));
  engine.tape?.record("softmax", [x], out, (upstream, sink) => {
    const gradient = engine.empty(x.shape);
    const bindings = { out, upstream, gradient };
    engine.launch("softmax", "backward", bindings, { rows, columns }, engine.grid(rows, 1));
    sink.give(x, gradient);
  });
  return out;
}
