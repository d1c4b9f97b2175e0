import { expectShape, type Tensor } from "../tensor/tensor.ts";

/** Throws unless `tensor` holds u32 in this shape; a null allows any size of that axis. */
export function expectIntegers(
  op: string,
  name: string,
  tensor: Tensor,
  expected: readonly (number | null)[],
): void {
  if (tensor.dtype !== "u32") {
    throw new TypeError(
      `${op}: ${name} holds ${tensor.dtype}, expected u32; make it with engine.integers`,
    );
  }
  expectShape(op, name, tensor, expected);
}
