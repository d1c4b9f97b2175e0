import { Role } from "../../engine/rl/roles.ts";
import { randomIntegers } from "./compare.ts";

/** Roles [rows, columns] where each row reads PROMPT… FORCED… GENERATED… AFTER_END… PAD…; any part may be empty. */
export function randomRoles(rows: number, columns: number, seed: number): Uint32Array {
  const parts = [Role.PROMPT, Role.FORCED, Role.GENERATED, Role.AFTER_END, Role.PAD];
  const cuts = randomIntegers(rows * (parts.length - 1), columns + 1, seed);
  const roles = new Uint32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const ends = cuts.slice(row * 4, row * 4 + 4).sort();
    for (let column = 0; column < columns; column++) {
      roles[row * columns + column] = parts[ends.filter((end) => end <= column).length];
    }
  }
  return roles;
}

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
