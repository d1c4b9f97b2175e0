import type { Folder } from "../../engine/nn/bytes.ts";
import { memoryFolder } from "./memory-folder.ts";

/** The letters that stand for the 256 bytes in a byte-level vocabulary: itself where it is printable. */
function byteLetters(): string[] {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 256;
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(printable(b) ? b : next++));
}

/** Byte b has the id b; then come the merges and the special tokens. */
export function byteFolder(
  specials: readonly string[],
  files: Record<string, unknown> = {},
): Folder {
  const merges = ["h e", "Ġ he"];
  const tokens = [...byteLetters(), ...merges.map((pair) => pair.replace(" ", "")), ...specials];
  const contents = {
    "vocab.json": Object.fromEntries(tokens.map((token, id) => [token, id])),
    "merges.txt": ["#version: 0.2", ...merges, ""].join("\n"),
    ...files,
  };
  const bytes = Object.entries(contents).map(([name, content]) =>
    [
      name,
      new TextEncoder().encode(typeof content === "string" ? content : JSON.stringify(content)),
    ] as const
  );
  return memoryFolder("folder", new Map(bytes));
}

/** Id of the first special token. */
export const FIRST_SPECIAL = 258;
