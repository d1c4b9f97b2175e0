import { type AsyncBuffer, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import type { ByteSource } from "../engine/nn/bytes.ts";
import { unpackSource } from "./bytes.ts";
import type { FileRecord } from "./records.ts";

/** The records of a Parquet file, read one row group at a time. */
export async function* readParquet(source: ByteSource): AsyncGenerator<FileRecord> {
  const bytes = await unpackSource(source);
  try {
    const file = rangesOf(bytes);
    const metadata = await parquetMetadataAsync(file);
    let rowStart = 0;
    for (const { num_rows } of metadata.row_groups) {
      const rowEnd = rowStart + Number(num_rows);
      const rows = await parquetReadObjects({ file, metadata, compressors, rowStart, rowEnd });
      for (const row of rows) {
        yield { id: `${source.name}, row ${++rowStart}`, value: plainValue(row) };
      }
    }
  } catch (error) {
    const reason = (error as Error).message;
    throw new Error(
      `Cannot read ${source.name} as Parquet (${reason}): it is none, or cut short; fetch it again, or rename it`,
      { cause: error },
    );
  }
}

function rangesOf({ size, read }: ByteSource): AsyncBuffer {
  return {
    byteLength: size,
    slice: async (start, end = size) => {
      const bytes = await read(start, end - start);
      return bytes.slice().buffer as ArrayBuffer;
    },
  };
}

/** 64-bit integers as numbers, as JSON would give them. */
function plainValue(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(plainValue);
  if (value === null || typeof value !== "object" || value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plainValue(part)]));
}
