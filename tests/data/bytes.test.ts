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
  await expect(lines("cut.gz", packed.subarray(0, packed.length - 9))).rejects.toThrow("cut.gz");
  const invalid = Uint8Array.of(0x61, 0xff, 0x0a);
  await expect(lines("invalid", invalid)).rejects.toThrow("not valid UTF-8");
});

test("a reader may stop early", async () => {
  const source = bytesSource("early.gz", gzipSync("line\n".repeat(100_000)));
  for await (const line of readLines(source)) {
    expect(line).toBe("line");
    break;
  }
});
