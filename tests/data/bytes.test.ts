import { expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { readLines, readText } from "../../data/bytes.ts";
import { bytesSource } from "../../engine/nn/bytes.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function lines(name: string, content: Uint8Array): Promise<string[]> {
  return Array.fromAsync(readLines(bytesSource(name, content)));
}

test("lines end at \\n and \\r\\n only, and the last needs no end", async () => {
  expect(await lines("lines", bytes("a\u2028b\r\nc\n\nd"))).toEqual(["a\u2028b", "c", "", "d"]);
  expect(await lines("end", bytes("a\n"))).toEqual(["a"]);
});

test("a byte order mark is left out", async () => {
  expect(await readText(bytesSource("bom", bytes("\ufeffa\nb\n")))).toBe("a\nb");
});

test("packed lines longer than a chunk come whole, also from joined gzip files", async () => {
  const long = "é".repeat(800_000);
  const packed = Buffer.concat([gzipSync(`${long}\n`), gzipSync("second\n")]);
  expect(await lines("long.gz", packed)).toEqual([long, "second"]);
});

test("broken gzip and broken UTF-8 are refused by name", async () => {
  const packed = gzipSync("x".repeat(10_000));
  await expect(lines("cut.gz", packed.subarray(0, packed.length - 9))).rejects
    .toThrow("Cannot unpack cut.gz (unexpected end of file): it is not gzip, or cut short");
  await expect(lines("not.gz", bytes("text"))).rejects.toThrow("incorrect header check");
  const invalid = Uint8Array.of(0x61, 0x0a, 0x62, 0x0a, 0xe9, 0x0a, 0x63);
  await expect(lines("latin", invalid)).rejects.toThrow("Cannot read latin: line 3 is not UTF-8;");
  const wide = Uint8Array.of(0xff, 0xfe, 0x61, 0x00);
  await expect(lines("wide", wide)).rejects.toThrow("line 1 is not UTF-8 but UTF-16");
});

test("a reader may stop early", async () => {
  const source = bytesSource("early.gz", gzipSync("line\n".repeat(100_000)));
  for await (const line of readLines(source)) {
    expect(line).toBe("line");
    break;
  }
});
