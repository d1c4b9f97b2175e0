import type { Folder } from "../../engine/nn/bytes.ts";
import {
  openSafetensors,
  type TensorEntry,
  writeSafetensors,
} from "../../engine/nn/safetensors.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { oracle } from "./shared.ts";
import { memoryFolder } from "./memory-folder.ts";

/** The oracle model of this name in memory, with the tensors of one of its files changed. */
export async function changedModel(
  name: string,
  file: string,
  change: (tensors: TensorEntry[]) => TensorEntry[],
): Promise<Folder> {
  const folder = openFolder(oracle(`models/${name}`));
  const files = new Map<string, Uint8Array>();
  for (const name of await folder.list()) {
    const source = await folder.open(name);
    files.set(name, await source.read(0, source.size));
  }
  const stored = await openSafetensors(await folder.open(file));
  const tensors = await Promise.all(stored.names.map(async (name) => {
    const { shape, toFloat32 } = stored.tensor(name);
    return { name, shape, data: await toFloat32() };
  }));
  files.set(file, writeSafetensors(change(tensors), { ...stored.metadata }));
  return memoryFolder("changed", files);
}
