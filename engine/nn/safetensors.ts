import { sizeOf } from "../tensor/tensor.ts";
import type { ByteSource } from "./bytes.ts";
import {
  BYTES_PER_VALUE,
  type Dtype,
  type FloatDtype,
  fromFloat32,
  toFloat16,
  toFloat32,
} from "./dtype.ts";
import { type HeaderEntry, readHeader } from "./safetensors-header.ts";

// The safetensors format: an 8-byte little-endian header length, a JSON header that gives each
// tensor's dtype, shape and byte range in the data, then the data.

/** One tensor of a file; its data is read when asked for. */
export interface StoredTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  /**
   * Values start … end−1 in row-major order, all by default; only they are read. F16 and BF16 widen
   * exactly, F64 rounds; an integer that f32 cannot hold is an error.
   */
  toFloat32(start?: number, end?: number): Promise<Float32Array<ArrayBuffer>>;
  /** The same as f16: F16 as it is stored, all else rounded; a value beyond f16 is an error. */
  toFloat16(start?: number, end?: number): Promise<Uint16Array>;
}

/** The tensors of one file, or of all shards of a model. */
export interface TensorFile {
  readonly name: string;
  readonly names: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  has(name: string): boolean;
  /** Throws where there is no such tensor. */
  tensor(name: string): StoredTensor;
}

/** A tensor to write. `data` is row-major; F32 where no `dtype` is given. */
export interface TensorEntry {
  name: string;
  shape: readonly number[];
  data: Float32Array;
  dtype?: FloatDtype;
}

/** Opens a safetensors file; only its header is read. Throws with the reason where it is corrupt. */
export async function openSafetensors(source: ByteSource): Promise<TensorFile> {
  const { entries, metadata, dataStart } = await readHeader(source);
  const tensors = entries.map((entry) => storedTensor(source, entry, dataStart));
  return tensorFile(source.name, new Map(tensors.map((tensor) => [tensor.name, tensor])), metadata);
}

function storedTensor(source: ByteSource, entry: HeaderEntry, dataStart: number): StoredTensor {
  const { name, shape, dtype, begin } = entry;
  const width = BYTES_PER_VALUE[dtype], count = sizeOf(shape);
  const read = (start: number, end: number) => {
    if (!(0 <= start && start <= end && end <= count)) {
      throw new RangeError(
        `tensor ${name} has ${count} values; ${start} … ${end} were asked for`,
      );
    }
    return source.read(dataStart + begin + start * width, (end - start) * width);
  };
  return {
    name,
    shape,
    dtype,
    toFloat32: async (start = 0, end = count) => toFloat32(name, dtype, await read(start, end)),
    toFloat16: async (start = 0, end = count) => toFloat16(name, dtype, await read(start, end)),
  };
}

/** A `TensorFile` over tensors already found. */
export function tensorFile(
  name: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Record<string, string>,
): TensorFile {
  const names = [...tensors.keys()];
  return {
    name,
    names,
    metadata,
    has: (tensor) => tensors.has(tensor),
    tensor(wanted) {
      const found = tensors.get(wanted);
      if (found) return found;
      const some = names.slice(0, 8).join(", ") + (names.length > 8 ? ", …" : "");
      throw new Error(`${name} holds no tensor ${wanted}; its ${names.length} tensors are ${some}`);
    },
  };
}

/** A safetensors file whose header is written, with room for the values. */
export interface SafetensorsLayout {
  file: Uint8Array<ArrayBuffer>;
  /** Fills in a tensor's values, row-major; F16 and BF16 round to nearest, ties to even. */
  fill(name: string, data: Float32Array): void;
}

/** Lays out a file for tensors whose values are still to come, one tensor at a time. */
export function layoutSafetensors(
  entries: readonly Omit<TensorEntry, "data">[],
  metadata: Record<string, string> = {},
): SafetensorsLayout {
  const header = new Map<string, unknown>();
  if (Object.keys(metadata).length > 0) header.set("__metadata__", metadata);
  const places = new Map<string, { offset: number; shape: readonly number[]; dtype: FloatDtype }>();
  let bytes = 0;
  // Wide values first, as the reference writer does, so that each tensor lies aligned.
  const aligned = entries.map((entry) => ({ dtype: "F32" as const, ...entry }))
    .sort((a, b) => BYTES_PER_VALUE[b.dtype] - BYTES_PER_VALUE[a.dtype]);
  for (const { name, shape, dtype } of aligned) {
    if (name === "__metadata__" || header.has(name)) {
      throw new Error(`Cannot write tensor ${name}: the name is reserved or stands twice`);
    }
    places.set(name, { offset: bytes, shape, dtype });
    const end = bytes + sizeOf(shape) * BYTES_PER_VALUE[dtype];
    header.set(name, { dtype, shape, data_offsets: [bytes, end] });
    bytes = end;
  }
  const { file, dataStart } = withHeader(JSON.stringify(Object.fromEntries(header)), bytes);
  return {
    file,
    fill(name, data) {
      const { offset, shape, dtype } = places.get(name)!;
      if (sizeOf(shape) !== data.length) {
        throw new Error(
          `Cannot write tensor ${name}: shape [${shape}] takes ${sizeOf(shape)} values, ` +
            `but there are ${data.length}`,
        );
      }
      file.set(fromFloat32(data, dtype), dataStart + offset);
    },
  };
}

/** A whole safetensors file. F16 and BF16 round to nearest, ties to even. */
export function writeSafetensors(
  entries: readonly TensorEntry[],
  metadata: Record<string, string> = {},
): Uint8Array<ArrayBuffer> {
  const { file, fill } = layoutSafetensors(entries, metadata);
  for (const { name, data } of entries) fill(name, data);
  return file;
}

function withHeader(header: string, dataBytes: number) {
  const json = new TextEncoder().encode(header);
  // Spaces pad the header so that the data begins at a multiple of 8.
  const headerBytes = Math.ceil(json.length / 8) * 8, dataStart = 8 + headerBytes;
  const file = new Uint8Array(dataStart + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.fill(0x20, 8, dataStart);
  file.set(json, 8);
  return { file, dataStart };
}
