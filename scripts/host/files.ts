import { statSync } from "node:fs";
import { open, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type ByteSource, checkRange, decodeUtf8, type Folder } from "../../engine/nn/bytes.ts";

/** A folder on disk. Throws where `path` is no folder. */
export function openFolder(path: string): Folder {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new Error(`No folder ${path}; give the path of an existing folder`);
  }
  return {
    name: path,
    list: async () => (await readdir(path)).sort(),
    open: (name) => openFile(join(path, name)),
    text: async (name) => {
      const file = await openFile(join(path, name));
      return decodeUtf8(file.name, await readFile(file.name));
    },
  };
}

/** A file on disk, read by ranges. Throws where `path` is no file. */
// deno-lint-ignore require-await -- errors must reject, not throw
export async function openFile(path: string): Promise<ByteSource> {
  const size = fileSize(path);
  return { name: path, size, read: (offset, length) => readRange(path, size, offset, length) };
}

function fileSize(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw new Error(`No file ${path}; check the path`);
  if (!stat.isFile()) throw new Error(`${path} is no file, but a file is needed here`);
  return stat.size;
}

// The file is opened for each range: ranges are few and large, and no handle can leak.
async function readRange(path: string, size: number, offset: number, length: number) {
  checkRange(path, size, offset, length);
  const bytes = new Uint8Array(length);
  const file = await open(path);
  try {
    for (let filled = 0; filled < length;) {
      const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
      if (bytesRead === 0) checkRange(path, offset + filled, offset, length);
      filled += bytesRead;
    }
  } finally {
    await file.close();
  }
  return bytes;
}
