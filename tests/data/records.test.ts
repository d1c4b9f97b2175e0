import { expect, test } from "bun:test";
import fc from "fast-check";
import { gzipSync } from "node:zlib";
import { readDataset } from "../../data/dataset.ts";
import { type FileRecord, isDataFile, readRecords } from "../../data/records.ts";
import { bytesSource } from "../../engine/nn/bytes.ts";
import { openFile } from "../../scripts/host/files.ts";
import { oracle } from "../support/shared.ts";

function records(name: string, text: string): Promise<FileRecord[]> {
  const bytes = new TextEncoder().encode(text);
  const content = name.endsWith(".gz") ? gzipSync(bytes) : bytes;
  return Array.fromAsync(readRecords(bytesSource(name, content)));
}

test("the ending of the name decides, and an unknown one is refused", () => {
  for (const name of ["a.jsonl", "A.JSON.GZ", "b.ndjson", "c.csv.gz", "d.tsv", "x/e.parquet"]) {
    expect(isDataFile(name)).toBe(true);
  }
  for (const name of ["a.txt", "jsonl", "b.gz", "x.csv/readme"]) {
    expect(isDataFile(name)).toBe(false);
  }
  expect(() => records("a.txt", "")).toThrow("ends in none of .jsonl");
});

test("JSON lines and JSON arrays, plain and packed", async () => {
  for (const name of ["a.jsonl", "a.json", "a.jsonl.gz"]) {
    expect(await records(name, '{"a":1}\n\n{"a":2}\n')).toEqual([
      { id: `${name}:1`, value: { a: 1 } },
      { id: `${name}:3`, value: { a: 2 } },
    ]);
    expect(await records(name, '\n [{"a":1},\n{"a":2}]')).toEqual([
      { id: `${name}, row 1`, value: { a: 1 } },
      { id: `${name}, row 2`, value: { a: 2 } },
    ]);
  }
  await expect(records("a.json", '[{"a":1},')).rejects.toThrow("begins as a JSON array");
  await expect(records("a.json", '{\n"data": []}')).rejects.toThrow("take the list of rows out");
});

test("CSV: quotes, line ends in cells, lists, and the line each row begins in", async () => {
  const text = '\ufeffa,b\r\n"x, ""y""","1\n2"\r\n\r\nz,"[""p"", ""q""]"\r\n[1],"[""open"\r\n';
  expect(await records("t.csv", text)).toEqual([
    { id: "t.csv:2", value: { a: 'x, "y"', b: "1\n2" } },
    { id: "t.csv:5", value: { a: "z", b: ["p", "q"] } },
    { id: "t.csv:6", value: { a: "[1]", b: '["open' } },
  ]);
  expect(await records("t.csv", 'a;b\n"1,5;";2\n')).toEqual([
    { id: "t.csv:2", value: { a: "1,5;", b: "2" } },
  ]);
  expect(await records("t.tsv", "a\tb\n1,5\t2")).toEqual([
    { id: "t.tsv:2", value: { a: "1,5", b: "2" } },
  ]);
});

test("CSV rows of another width are bad, and broken quotes or heads are refused", async () => {
  const rows = await records("t.csv", "a,b\n1\n1,2,3\n1,2\n");
  expect(rows.map((row) => "bad" in row ? row.bad.slice(0, 7) : row.value)).toEqual([
    "1 cells",
    "3 cells",
    { a: "1", b: "2" },
  ]);
  await expect(records("t.csv", 'a,b\n"1,2\n')).rejects.toThrow("Cannot read t.csv as CSV");
  await expect(records("t.csv", "a,a\n1,2\n")).rejects.toThrow('two columns are named "a"');
});

test("what is written as CSV by the rules is read back as it was, each row with its line", async () => {
  const cell = fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "é", " ") });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 6 }),
      async (rows) => {
        const quoted = rows.map((row) =>
          row.map((text) => `"${text.replaceAll('"', '""')}"`).join()
        );
        const found = await records("t.csv", ["a,b", ...quoted].join("\n"));
        expect(found.map((row) => "value" in row && Object.values(row.value as object))).toEqual(
          rows,
        );
        const lines = quoted.map((_, i) =>
          1 + quoted.slice(0, i).concat("").join("\n").split("\n").length
        );
        expect(found.map(({ id }) => id)).toEqual(lines.map((line) => `t.csv:${line}`));
      },
    ),
    { numRuns: 100, seed: 1 },
  );
});

test("Parquet: several row groups, 64-bit integers, and the same packed", async () => {
  const file = await openFile(oracle("parquet/pairs.parquet"));
  const rows = await Array.fromAsync(readRecords(file));
  expect(rows.map(({ id }) => id.split(", ").at(-1))).toEqual(
    [1, 2, 3, 4, 5].map((i) => `row ${i}`),
  );
  expect(rows[4]).toMatchObject({
    value: { prompt: "Question 5?", chosen: ' Good 5, "é"', rejected: " Bad 5", votes: 5 },
  });
  const packed = gzipSync(await file.read(0, file.size));
  const unpacked = await Array.fromAsync(readRecords(bytesSource("pairs.parquet.gz", packed)));
  expect(unpacked.map((row) => "value" in row && row.value)).toEqual(
    rows.map((row) => "value" in row && row.value),
  );
});

test("Parquet: chat messages, packed by Zstandard", async () => {
  const file = await openFile(oracle("parquet/messages.parquet"));
  const { pairs, form } = await readDataset("messages", [file]);
  expect(form.name).toBe("preference pairs with implicit prompt");
  expect(pairs.map(({ prompt, chosen, rejected }) => [prompt, chosen, rejected])[4]).toEqual([
    "\n\nHuman: Question 5?\n\nAssistant:",
    " Good 5",
    " Bad 5",
  ]);
});

test("a file that is no Parquet is refused by name", async () => {
  await expect(records("t.parquet", "no such thing at all")).rejects.toThrow(
    "t.parquet as Parquet",
  );
});
