import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { openFile, openFolder, readLines } from "../../scripts/host/files.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "homeport-files-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function write(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

async function lines(path: string): Promise<string[]> {
  return await Array.fromAsync(readLines(path));
}

test("a range is read, and one past the end is refused", async () => {
  const file = await openFile(await write("range", "0123456789"));
  expect(file.size).toBe(10);
  expect(new TextDecoder().decode(await file.read(3, 4))).toBe("3456");
  await expect(file.read(8, 3)).rejects.toThrow("bytes 8 to 11, but it has 10");
});

test("a file that shrinks under the reader is refused", async () => {
  const file = await openFile(await write("shrinks", "0123456789"));
  await write("shrinks", "01234");
  await expect(file.read(0, 10)).rejects.toThrow("it has 5");
});

test("a missing file or folder is refused by name", async () => {
  await expect(openFile(join(folder, "none"))).rejects.toThrow("none");
  await expect(openFile(folder)).rejects.toThrow("no file");
  expect(() => openFolder(join(folder, "none"))).toThrow("No folder");
  await expect(lines(join(folder, "none.gz"))).rejects.toThrow("No file");
});

test("lines end at \\n and \\r\\n only, and the last needs no end", async () => {
  const text = "a\u2028b\r\nc\n\nd";
  expect(await lines(await write("lines", text))).toEqual(["a\u2028b", "c", "", "d"]);
  expect(await lines(await write("end", "a\n"))).toEqual(["a"]);
});

test("packed lines longer than a chunk come whole, also from joined gzip files", async () => {
  const long = "é".repeat(200_000);
  const packed = Buffer.concat([gzipSync(`${long}\n`), gzipSync("second\n")]);
  expect(await lines(await write("long.gz", packed))).toEqual([long, "second"]);
});

test("broken gzip and broken UTF-8 are refused by name", async () => {
  const packed = gzipSync("x".repeat(10_000));
  const cut = await write("cut.gz", packed.subarray(0, packed.length - 9));
  await expect(lines(cut)).rejects.toThrow("cut.gz");
  const invalid = await write("invalid", Uint8Array.of(0x61, 0xff, 0x0a));
  await expect(lines(invalid)).rejects.toThrow("not valid UTF-8");
  await expect(openFolder(folder).text("invalid")).rejects.toThrow("not valid UTF-8");
});

test("a reader may stop early", async () => {
  const path = await write("early.gz", gzipSync("line\n".repeat(100_000)));
  for await (const line of readLines(path)) {
    expect(line).toBe("line");
    break;
  }
});
