// The record of the adapter that set-up found, read by every later start.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { driverFile, homeport } from "./paths.mjs";

/**
 * @typedef {object} AdapterRecord
 * @property {"gpu" | "installed" | "lavapipe" | "swiftshader"} kind which way of the search gave it
 * @property {string} adapter its name
 * @property {boolean} software whether it computes on the CPU
 * @property {Record<string, string>} env variables that must stand before a process starts
 */

/** @param {string} [file] @returns {AdapterRecord | undefined} undefined before the first set-up */
export function readAdapter(file = driverFile) {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Error(`${file} cannot be read (${error}); run \`npm run setup\` to write it anew`);
  }
}

/** @param {AdapterRecord} record */
export function writeAdapter(record) {
  mkdirSync(homeport, { recursive: true });
  writeFileSync(driverFile, JSON.stringify(record, null, 2) + "\n");
}

/**
 * Whether the record holds on this machine: there is one, and the driver that it names is there.
 * @param {AdapterRecord | undefined} record @returns {record is AdapterRecord}
 */
export function isUsable(record) {
  const manifest = record?.env.VK_DRIVER_FILES;
  return record !== undefined && (manifest === undefined || existsSync(manifest));
}
