import { expectShape, type Tensor } from "../tensor/tensor.ts";

/**
 * Throws unless `roles` is a u32 [B, T] and every tensor of `quantities` an f32 of that shape.
 * Returns B and T.
 */
export function expectPerToken(
  op: string,
  roles: Tensor,
  quantities: Readonly<Record<string, Tensor>>,
): [rows: number, columns: number] {
  expectShape(op, "roles", roles, [null, null]);
  expectType(op, "roles", roles, "u32");
  for (const [name, tensor] of Object.entries(quantities)) {
    expectShape(op, name, tensor, roles.shape);
    expectType(op, name, tensor, "f32");
  }
  return [roles.shape[0], roles.shape[1]];
}

/** Throws unless `count`, by which a loss is divided, is a positive number. */
export function expectCount(op: string, count: number): void {
  if (count > 0 && Number.isFinite(count)) return;
  throw new RangeError(
    `${op}: count is ${count}, expected the positive number of items of the whole batch that the loss averages over`,
  );
}

function expectType(op: string, name: string, tensor: Tensor, dtype: Tensor["dtype"]): void {
  if (tensor.dtype === dtype) return;
  throw new TypeError(`${op}: ${name} has dtype ${tensor.dtype}, expected ${dtype}`);
}
