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
    throw new Error(`Cannot read ${source.name}: ${String(error)}`, { cause: error });
  }
}

async function* rawChunks(source: ByteSource): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < source.size; offset += CHUNK_BYTES) {
    yield await source.read(offset, Math.min(CHUNK_BYTES, source.size - offset));
  }
}

/**
 * The lines of a UTF-8 text, streamed and unpacked. Only `\n` and `\r\n` end a line: U+2028 may stand inside a
 * JSON string. A byte order mark is left out.
 */
export async function* readLines(source: ByteSource): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "", number = 0;
  const decode = (chunk?: Uint8Array) => {
    try {
      return decoder.decode(chunk, { stream: chunk !== undefined });
    } catch (error) {
      const place = `after line ${number}`;
      throw new Error(`Cannot read ${source.name}: it is not valid UTF-8 text (${place})`, {
        cause: error,
      });
    }
  };
  for await (const chunk of readChunks(source)) {
    const lines = (rest + decode(chunk)).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      number++;
      yield line.replace(/\r$/, "");
    }
  }
  rest += decode();
  if (rest !== "") yield rest;
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
