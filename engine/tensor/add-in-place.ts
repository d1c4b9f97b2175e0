import type { Tensor } from "./tensor.ts";

/** total ← total + factor · x, over equal sizes. Not differentiable: the tape itself uses it. */
export function addInPlace(total: Tensor, x: Tensor, factor = 1): void {
  if (total.size !== x.size) {
    throw new RangeError(`addInPlace: shapes [${total.shape}] and [${x.shape}] differ in size`);
  }
  const { engine, size: count } = total;
  engine.launch("elementwise", "add_in_place", { total, x }, { count, factor }, engine.grid(count));
}
