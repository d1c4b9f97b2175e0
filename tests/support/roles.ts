import { Role } from "../../engine/ops/roles.ts";

/** Roles [B, T] from the oracle's 0/1 matrix of generated tokens. */
export function rolesOf(generated: readonly (readonly number[])[]): Uint32Array {
  return Uint32Array.from(generated.flat(), (g) => g ? Role.GENERATED : Role.PROMPT);
}

export function countGenerated(roles: Uint32Array): number {
  return roles.filter((role) => role === Role.GENERATED).length;
}

/** `x` with `filler` in every place that is not generated. */
export function fillElsewhere(
  x: ArrayLike<number>,
  roles: Uint32Array,
  filler: number,
): Float32Array {
  return Float32Array.from(x, (value, i) => roles[i] === Role.GENERATED ? value : filler);
}
