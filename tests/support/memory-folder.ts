import { bytesSource, decodeUtf8, type Folder } from "../../engine/nn/bytes.ts";

/** A folder held in memory. */
export function memoryFolder(name: string, files: ReadonlyMap<string, Uint8Array>): Folder {
  const bytes = (file: string): Uint8Array => {
    const found = files.get(file);
    if (!found) {
      throw new Error(`${name} holds no ${file}; it holds ${[...files.keys()].join(", ")}`);
    }
    return found;
  };
  return {
    name,
    list: () => Promise.resolve([...files.keys()].sort()),
    open: async (file) => await Promise.resolve(bytesSource(`${name}/${file}`, bytes(file))),
    text: async (file) => await Promise.resolve(decodeUtf8(`${name}/${file}`, bytes(file))),
  };
}
