import { Readable } from "node:stream";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { type ByteSource, bytesSource } from "../engine/nn/bytes.ts";

const CHUNK_BYTES = 1 << 20;

/** The bytes of a source in order; a name ending in `.gz` is unpacked on the way. */
async function* readChunks(source: ByteSource): AsyncGenerator<Uint8Array> {
  // Joined gzip files are one stream to zlib, which the web's DecompressionStream refuses.
  const stream = source.name.endsWith(".gz")
    // pipeline hands an error of the source on to the unpacked stream, where it is thrown.
    ? pipeline(Readable.from(rawChunks(source)), createGunzip(), () => {})
    : rawChunks(source);
  try {
    for await (const chunk of stream) yield chunk as Uint8Array;
  } catch (error) {
    const reason = (error as Error).message;
    throw new Error(
      source.name.endsWith(".gz")
        ? `Cannot unpack ${source.name} (${reason}): it is not gzip, or cut short; fetch it again, or rename it`
        : `Cannot read ${source.name}: ${reason}`,
      { cause: error },
    );
  }
}

async function* rawChunks(source: ByteSource): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < source.size; offset += CHUNK_BYTES) {
    yield await source.read(offset, Math.min(CHUNK_BYTES, source.size - offset));
  }
}

/**
 * The lines of a UTF-8 text, streamed and unpacked. Only `\n` and `\r\n` end a line: U+2028 may stand inside a
 * JSON string. A byte order mark is left out. Throws with the number of the line that is not UTF-8.
 */
export async function* readLines(source: ByteSource): AsyncGenerator<string> {
  let number = 0;
  for await (const bytes of byteLines(source)) {
    number++;
    const line = decodeLine(source.name, number, bytes);
    yield number === 1 ? line.replace(/^\ufeff/, "") : line;
  }
}

const LINE_END = 0x0a; // no part of another character in UTF-8

async function* byteLines(source: ByteSource): AsyncGenerator<Uint8Array> {
  let begun: Uint8Array[] = [];
  for await (const chunk of readChunks(source)) {
    let start = 0;
    for (let end; (end = chunk.indexOf(LINE_END, start)) >= 0; start = end + 1) {
      yield joined([...begun, chunk.subarray(start, end)]);
      begun = [];
    }
    if (start < chunk.length) begun.push(chunk.slice(start));
  }
  if (begun.length > 0) yield joined(begun);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? parts[0] : Buffer.concat(parts);
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeLine(name: string, number: number, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes).replace(/\r$/, "");
  } catch (error) {
    const utf16 = number === 1 && bytes[0] >= 0xfe && bytes[1] >= 0xfe;
    throw new Error(
      `Cannot read ${name}: line ${number} is not UTF-8${
        utf16 ? " but UTF-16" : ""
      }; save the file as UTF-8 text`,
      { cause: error },
    );
  }
}

/** The whole of a UTF-8 text, unpacked. */
export async function readText(source: ByteSource): Promise<string> {
  const lines: string[] = [];
  for await (const line of readLines(source)) lines.push(line);
  return lines.join("\n");
}

/** A source that can be read by ranges: packed bytes are unpacked into memory first. */
export async function unpackSource(source: ByteSource): Promise<ByteSource> {
  if (!source.name.endsWith(".gz")) return source;
  const chunks: Uint8Array[] = [];
  for await (const chunk of readChunks(source)) chunks.push(chunk);
  return bytesSource(
    source.name,
    new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer()),
  );
}
