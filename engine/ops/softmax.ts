import { expectShape, type Tensor } from "../tensor/tensor.ts";
import { reductionConstants } from "./row-reduction.ts";

/** Softmax of each row. `x` is `[R, V]`, and so is the result. */
export function softmax(x: Tensor): Tensor {
  expectShape("softmax", "x", x, [null, null]);
  const { engine } = x;
  const [rows, columns] = x.shape;
  const out = engine.empty(x.shape);
  const sizes = { rows, columns }, grid = engine.grid(rows, 1);
  const constants = reductionConstants(engine);
  engine.launch("softmax", "forward", { x, out }, sizes, grid, constants);
  engine.tape?.record("softmax", [x], out, (upstream, sink) => {
    const gradient = engine.empty(x.shape);
    const bindings = { out, upstream, gradient };
    engine.launch("softmax", "backward", bindings, sizes, grid, constants);
    sink.give(x, gradient);
  });
  return out;
}
