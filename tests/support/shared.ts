import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * The path of something in `../shared`, the data and models of others that are not part of the
 * repository. Where it is missing, says so and returns null: `test.skipIf(path === null)`.
 */
export function shared(name: string): string | null {
  const path = fileURLToPath(new URL(`../../../shared/${name}`, import.meta.url));
  if (existsSync(path)) return path;
  console.log(`Tests that need ../shared/${name} are skipped: it is not there`);
  return null;
}

/** The path of a committed file or folder under `tests/oracle`. */
export function oracle(name: string): string {
  return fileURLToPath(new URL(`../oracle/${name}`, import.meta.url));
}
