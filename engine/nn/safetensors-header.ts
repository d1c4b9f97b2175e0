import { z } from "zod";
import { sizeOf } from "../tensor/tensor.ts";
import { type ByteSource, decodeUtf8 } from "./bytes.ts";
import { BYTES_PER_VALUE, type Dtype } from "./dtype.ts";

// The header of a safetensors file, and all that can be wrong with it.

/** The format's own limit; a larger header length means that the file is no safetensors file. */
const MAX_HEADER_BYTES = 100_000_000;

/** Where one tensor of a file lies: bytes begin … end−1 of the data. */
export interface HeaderEntry {
  name: string;
  dtype: Dtype;
  shape: readonly number[];
  begin: number;
  end: number;
}

export interface Header {
  entries: HeaderEntry[];
  metadata: Record<string, string>;
  /** The first byte of the data in the file. */
  dataStart: number;
}

/** Reads the header and checks it against the file's size. Throws with the reason where it is corrupt. */
export async function readHeader(source: ByteSource): Promise<Header> {
  const { json, dataStart } = await readJsonHeader(source);
  const { __metadata__, ...tensors } = json;
  const metadata = validate(metadataSchema, __metadata__ ?? {}, source.name, "__metadata__");
  const entries = Object.entries(tensors).map(([name, value]) =>
    readEntry(source.name, name, value)
  );
  checkCoverage(source.name, entries, source.size - dataStart);
  return { entries, metadata, dataStart };
}

/** How the small text begins that stands for a large file in a clone without Git LFS. */
const LFS_POINTER = "version ";

const decodeAscii = (bytes: Uint8Array) => String.fromCharCode(...bytes);

async function readJsonHeader(source: ByteSource) {
  const corrupt = (reason: string) =>
    new Error(`${source.name} is no valid safetensors file: ${reason}`);
  if (source.size < 8) {
    throw corrupt(`it has ${source.size} bytes, and the header length alone takes 8`);
  }
  const start = await source.read(0, 8);
  if (decodeAscii(start) === LFS_POINTER) {
    throw corrupt("it is a pointer of Git LFS in the place of the file; `git lfs pull` fetches it");
  }
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
    return { json: JSON.parse(text) as Record<string, unknown>, dataStart };
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

function readEntry(file: string, name: string, value: unknown): HeaderEntry {
  const { dtype, shape, data_offsets: [begin, end] } = validate(
    entrySchema,
    value,
    file,
    `tensor ${name}`,
  );
  const expected = sizeOf(shape) * BYTES_PER_VALUE[dtype];
  if (end - begin !== expected) {
    throw new Error(
      `${file}: tensor ${name} is ${dtype} of shape [${shape}], which takes ` +
        `${expected} bytes, but its offsets [${begin}, ${end}] span ${end - begin}`,
    );
  }
  return { name, dtype, shape, begin, end };
}

function validate<T>(schema: z.ZodType<T>, value: unknown, file: string, part: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new Error(`${file}: ${part} of the header is not valid: ${z.prettifyError(result.error)}`);
}

/**
 * The format wants every data byte to belong to exactly one tensor. This also finds a name that
 * stands twice in the header, for the JSON reader keeps one of the two and leaves a hole.
 */
function checkCoverage(file: string, entries: readonly HeaderEntry[], size: number): void {
  const ranges = entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end);
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
