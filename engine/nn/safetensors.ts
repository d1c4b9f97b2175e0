import { z } from "zod";
import { type ByteSource, decodeUtf8 } from "./bytes.ts";
import { BYTES_PER_VALUE, type Dtype, type FloatDtype, fromFloat32, toFloat32 } from "./dtype.ts";

// The safetensors format: an 8-byte little-endian header length, a JSON header that gives each
// tensor's dtype, shape and byte range in the data, then the data.

/** The format's own limit; a larger header length means that the file is no safetensors file. */
const MAX_HEADER_BYTES = 100_000_000;

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

/** Reads and checks the header of a safetensors file. Throws with the reason where it is corrupt. */
export async function openSafetensors(source: ByteSource): Promise<TensorFile> {
  const { header, dataStart } = await readHeader(source);
  const { __metadata__, ...entries } = header;
  const metadata = validate(metadataSchema, __metadata__ ?? {}, source.name, "__metadata__");
  const tensors = new Map<string, StoredTensor>();
  const ranges: Range[] = [];
  for (const [name, value] of Object.entries(entries)) {
    const { dtype, shape, data_offsets: [begin, end] } = readEntry(source.name, name, value);
    const bytes = BYTES_PER_VALUE[dtype], count = valueCount(shape);
    tensors.set(name, {
      name,
      shape,
      dtype,
      async toFloat32(first = 0, last = count) {
        if (!(0 <= first && first <= last && last <= count)) {
          throw new RangeError(
            `tensor ${name} has ${count} values; ${first} … ${last} were asked for`,
          );
        }
        const data = await source.read(dataStart + begin + first * bytes, (last - first) * bytes);
        return toFloat32(name, dtype, data);
      },
    });
    ranges.push({ name, begin, end });
  }
  checkCoverage(source.name, ranges, source.size - dataStart);
  return tensorFile(source.name, tensors, metadata);
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

async function readHeader(source: ByteSource) {
  const corrupt = (reason: string) =>
    new Error(`${source.name} is no valid safetensors file: ${reason}`);
  if (source.size < 8) {
    throw corrupt(`it has ${source.size} bytes, and the header length alone takes 8`);
  }
  const start = await source.read(0, 8);
  const length = Number(new DataView(start.buffer, start.byteOffset, 8).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES) {
    throw corrupt(`its header length is ${length}, and at most ${MAX_HEADER_BYTES} is allowed`);
  }
  const dataStart = 8 + length;
  if (dataStart > source.size) {
    throw corrupt(`its header should end at byte ${dataStart}, but it has ${source.size} bytes`);
  }
  const text = decodeUtf8(`${source.name}: the header`, await source.read(8, length));
  if (!text.startsWith("{")) throw corrupt("its header is no JSON object");
  try {
    return { header: JSON.parse(text) as Record<string, unknown>, dataStart };
  } catch (error) {
    throw corrupt(`its header is not JSON (${(error as Error).message})`);
  }
}

const metadataSchema = z.record(z.string(), z.string());

const entrySchema = z.object({
  dtype: z.enum(Object.keys(BYTES_PER_VALUE) as Dtype[]),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});

function readEntry(file: string, name: string, value: unknown) {
  const entry = validate(entrySchema, value, file, `tensor ${name}`);
  const [begin, end] = entry.data_offsets;
  const expected = valueCount(entry.shape) * BYTES_PER_VALUE[entry.dtype];
  if (end - begin !== expected) {
    throw new Error(
      `${file}: tensor ${name} is ${entry.dtype} of shape [${entry.shape}], which takes ` +
        `${expected} bytes, but its offsets [${begin}, ${end}] span ${end - begin}`,
    );
  }
  return entry;
}

function validate<T>(schema: z.ZodType<T>, value: unknown, file: string, part: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new Error(`${file}: ${part} of the header is not valid: ${z.prettifyError(result.error)}`);
}

interface Range {
  name: string;
  begin: number;
  end: number;
}

/**
 * The format wants every data byte to belong to exactly one tensor. This also finds a name that
 * stands twice in the header, for the JSON reader keeps one of the two and leaves a hole.
 */
function checkCoverage(file: string, ranges: Range[], size: number): void {
  ranges.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let previous = { name: "the header", end: 0 };
  for (const range of ranges) {
    if (range.begin !== previous.end) {
      const fault = range.begin < previous.end ? "overlaps" : "leaves a hole after";
      throw new Error(
        `${file}: tensor ${range.name} begins at byte ${range.begin} of the data and ${fault} ` +
          `${previous.name}, which ends at ${previous.end}; the file is corrupt`,
      );
    }
    previous = range;
  }
  if (previous.end !== size) {
    throw new Error(
      `${file}: its tensors take ${previous.end} bytes, but ${size} bytes of data follow the ` +
        "header; the file is cut short or corrupt, so fetch it anew",
    );
  }
}

/** A whole safetensors file. F16 and BF16 round to nearest, ties to even. */
export function writeSafetensors(
  entries: readonly TensorEntry[],
  metadata: Record<string, string> = {},
): Uint8Array<ArrayBuffer> {
  const header = new Map<string, unknown>();
  if (Object.keys(metadata).length > 0) header.set("__metadata__", metadata);
  const parts: Uint8Array[] = [];
  let offset = 0;
  // Wide values first, as the reference writer does, so that each tensor lies aligned.
  const aligned = entries.map((entry) => ({ dtype: "F32" as const, ...entry }))
    .sort((a, b) => BYTES_PER_VALUE[b.dtype] - BYTES_PER_VALUE[a.dtype]);
  for (const { name, shape, data, dtype } of aligned) {
    if (name === "__metadata__" || header.has(name)) {
      throw new Error(`Cannot write tensor ${name}: the name is reserved or stands twice`);
    }
    if (valueCount(shape) !== data.length) {
      throw new Error(
        `Cannot write tensor ${name}: shape [${shape}] takes ${valueCount(shape)} values, ` +
          `but there are ${data.length}`,
      );
    }
    const bytes = fromFloat32(data, dtype);
    header.set(name, { dtype, shape, data_offsets: [offset, offset + bytes.length] });
    parts.push(bytes);
    offset += bytes.length;
  }
  return joinFile(JSON.stringify(Object.fromEntries(header)), parts, offset);
}

function joinFile(header: string, parts: Uint8Array[], dataBytes: number) {
  const json = new TextEncoder().encode(header);
  // Spaces pad the header so that the data begins at a multiple of 8.
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + headerBytes + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.fill(0x20, 8, 8 + headerBytes);
  file.set(json, 8);
  let position = 8 + headerBytes;
  for (const part of parts) {
    file.set(part, position);
    position += part.length;
  }
  return file;
}

function valueCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
