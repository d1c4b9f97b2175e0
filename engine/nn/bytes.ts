/** A file, an HTTP resource or a buffer, read by ranges so that large weights never pass through memory whole. */
export interface ByteSource {
  /** What errors call it: a path or an address. */
  readonly name: string;
  /** Length in bytes. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`; throws where the source ends earlier. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** A flat folder of named files, such as a Hugging Face model folder. */
export interface Folder {
  readonly name: string;
  /** Names of the files in it, sorted. */
  list(): Promise<string[]>;
  /** Throws where there is no such file. */
  open(name: string): Promise<ByteSource>;
  /** The whole file as UTF-8; throws on invalid UTF-8. */
  text(name: string): Promise<string>;
}

/** A buffer as a source: weights fetched by a browser, or just written by `writeSafetensors`. */
export function bytesSource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.length,
    read(offset, length) {
      checkRange(name, bytes.length, offset, length);
      return Promise.resolve(bytes.subarray(offset, offset + length));
    },
  };
}

/** Throws where `offset … offset + length` leaves a source of `size` bytes. */
export function checkRange(name: string, size: number, offset: number, length: number): void {
  if (offset < 0 || length < 0 || offset + length > size) {
    throw new RangeError(
      `${name}: asked for bytes ${offset} to ${offset + length}, but it has ${size}; ` +
        "the file is cut short or changed while it was read",
    );
  }
}

/** Bytes as text; throws on invalid UTF-8 where a plain decode would put U+FFFD in silence. */
export function decodeUtf8(name: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error(`${name} is not valid UTF-8 text`);
  }
}

/** The JSON in a file of a folder; throws with the file's name where it is none. */
export async function readJson(folder: Folder, file: string): Promise<unknown> {
  const text = await folder.text(file);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${folder.name}/${file} is not JSON: ${(error as Error).message}`);
  }
}
