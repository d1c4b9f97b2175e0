import { createHash } from "node:crypto";
import { constants, createReadStream, statSync } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { HubAccess } from "./access.ts";
import type { RemoteFile } from "./cache.ts";
import { TemporaryError, withRetries } from "./failures.ts";
import type { OpenResponse } from "./request.ts";

/** A file to fetch and where it goes. */
export interface Download {
  file: RemoteFile;
  /** Where the whole, verified file is put; until then its parts stand in `<target>.incomplete`. */
  target: string;
  /** Asks for the file, with a Range header where only a part is wanted. */
  request(headers: Record<string, string>): Promise<OpenResponse>;
  /** Told how many bytes came; negative where they have to be fetched again. */
  advance(bytes: number): void;
}

/** Bytes of the file that an interrupted download has left. */
export function bytesHere(target: string): number {
  return statSync(incomplete(target), { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * Fetches a file by ranges, continuing an interrupted download, and verifies its size and hash. Throws
 * where the content is not what the repository says, twice over.
 */
export async function download(access: HubAccess, work: Download): Promise<void> {
  const { file, target, advance } = work;
  const part = incomplete(target);
  await mkdir(dirname(target), { recursive: true });
  for (let trial = 1;; trial++) {
    await withRetries(access, file.path, () => receive(work));
    const found = await contentHash(part, file);
    if (found === file.hash) break;
    await rm(part);
    advance(-file.size);
    const wrong = `${file.path}: its content has the hash ${found}, expected ${file.hash}`;
    if (trial === 2) {
      throw new Error(`${wrong}, and so once more; what the server sends is not the file it lists`);
    }
    access.say(`${wrong}; fetching it anew`);
  }
  await rename(part, target);
}

const incomplete = (target: string) => `${target}.incomplete`;

/** One attempt to fetch what is missing of the file. */
async function receive({ file, target, request, advance }: Download): Promise<void> {
  const part = incomplete(target);
  if (bytesHere(target) > file.size) await rm(part);
  const start = bytesHere(target);
  if (start === file.size && start > 0) return;
  const { response, body } = await request({
    "Accept-Encoding": "identity", // a range of a compressed body is no range of the file
    ...(start > 0 && { Range: `bytes=${start}-` }),
  });
  const continued = response.status === 206;
  if (continued || response.status === 416) checkRange(response, start, file);
  if (start > 0 && !continued) { // the server does not know ranges
    await rm(part);
    advance(-start);
  }
  const end = await store(file, part, continued ? start : 0, body(), advance);
  if (end.position < file.size) {
    throw new TemporaryError(end.reason, { advanced: end.position > start });
  }
}

/** Throws where an answer is not the rest of the file from `start` on. */
function checkRange(response: Response, start: number, { path, size }: RemoteFile): void {
  const range = response.headers.get("Content-Range");
  const expected = `bytes ${start}-${size - 1}/${size}`;
  if (response.status === 206 && range === expected) return;
  throw new Error(
    `${path}: asked for ${expected}, the server answers ${response.status} with "${range}"; it ` +
      "does not hold the file that it lists",
  );
}

/** Writes a body from `start` on. Returns where it ended, and why where that is before the end. */
async function store(
  { path, size }: RemoteFile,
  part: string,
  start: number,
  body: AsyncIterable<Uint8Array>,
  advance: (bytes: number) => void,
): Promise<{ position: number; reason: string }> {
  // Written at explicit places: a second process on the same file then writes the same bytes there.
  const out = await open(part, constants.O_WRONLY | constants.O_CREAT);
  let position = start;
  try {
    for await (const bytes of body) {
      if (position + bytes.length > size) {
        throw new Error(`${path}: more than the ${size} bytes came that the repository lists`);
      }
      for (let done = 0; done < bytes.length;) {
        done += (await out.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
      }
      position += bytes.length;
      advance(bytes.length);
    }
  } catch (error) {
    if (error instanceof TemporaryError) return { position, reason: error.message };
    throw error;
  } finally {
    await out.close();
  }
  return { position, reason: `the answer ended at byte ${position} of ${size}` };
}

/** SHA-256, or the SHA-1 that git gives a blob, whichever the expected hash is. */
async function contentHash(path: string, { size, hash }: RemoteFile): Promise<string> {
  const digest = createHash(hash.length === 64 ? "sha256" : "sha1");
  if (hash.length === 40) digest.update(`blob ${size}\0`);
  for await (const bytes of createReadStream(path)) digest.update(bytes);
  return digest.digest("hex");
}
