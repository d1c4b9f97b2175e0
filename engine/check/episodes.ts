import { Role } from "../ops/roles.ts";
import { randomIntegers } from "./numbers.ts";

/** Roles [rows, columns] where each row reads PROMPT… FORCED… GENERATED… PAD…; any part may be empty. */
export function randomRoles(rows: number, columns: number, seed: number): Uint32Array {
  const parts = [Role.PROMPT, Role.FORCED, Role.GENERATED, Role.PAD];
  const bounds = parts.length - 1;
  const cuts = randomIntegers(rows * bounds, columns + 1, seed);
  const roles = new Uint32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const ends = cuts.slice(row * bounds, (row + 1) * bounds).sort();
    for (let column = 0; column < columns; column++) {
      roles[row * columns + column] = parts[ends.filter((end) => end <= column).length];
    }
  }
  return roles;
}

/** `randomRoles`, of which the last row of several is all padding. */
export function paddedRoles(rows: number, columns: number, seed: number): Uint32Array {
  const roles = randomRoles(rows, columns, seed);
  if (rows > 1) roles.fill(Role.PAD, (rows - 1) * columns);
  else roles[columns - 1] = Role.GENERATED; // a lone row has at least one
  return roles;
}

/** The places of the generated tokens of each row, as indices of the whole matrix. */
export function generatedPlaces(roles: Uint32Array, columns: number): number[][] {
  return Array.from(
    { length: roles.length / columns },
    (_, row) =>
      Array.from({ length: columns }, (_, t) => row * columns + t)
        .filter((i) => roles[i] === Role.GENERATED),
  );
}
