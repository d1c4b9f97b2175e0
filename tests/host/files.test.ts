import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFile, openFolder } from "../../scripts/host/files.ts";

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
});

test("text that is not UTF-8 is refused", async () => {
  await write("invalid", Uint8Array.of(0x61, 0xff, 0x0a));
  await expect(openFolder(folder).text("invalid")).rejects.toThrow("not valid UTF-8");
});
