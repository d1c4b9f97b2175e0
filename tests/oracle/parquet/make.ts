// Makes the Parquet files beside it, with a writer that is no dependency of the project:
//
//   npm install --no-save hyparquet-writer@0.17 && npx bun tests/oracle/parquet/make.ts
import { zstdCompressSync } from "node:zlib";
// @ts-ignore: installed for this script alone
import { parquetWriteFile } from "hyparquet-writer";

const here = (name: string) => `${import.meta.dirname}/${name}`;
const numbers = [1, 2, 3, 4, 5];

// Texts and a 64-bit integer, in several row groups, packed by Snappy.
parquetWriteFile({
  filename: here("pairs.parquet"),
  columnData: [
    { name: "prompt", data: numbers.map((i) => `Question ${i}?`), type: "STRING" },
    { name: "chosen", data: numbers.map((i) => ` Good ${i}, "é"`), type: "STRING" },
    { name: "rejected", data: numbers.map((i) => ` Bad ${i}`), type: "STRING" },
    { name: "votes", data: numbers.map(BigInt), type: "INT64" },
  ],
  rowGroupSize: 2,
});

// Chat messages, lists of structs as datasets have them, packed by Zstandard.
const element = [{ name: "role", type: "BYTE_ARRAY", converted_type: "UTF8" }, {
  name: "content",
  type: "BYTE_ARRAY",
  converted_type: "UTF8",
}];
const list = (name: string) => [
  { name, repetition_type: "OPTIONAL", num_children: 1, converted_type: "LIST" },
  { name: "list", repetition_type: "REPEATED", num_children: 1 },
  { name: "element", repetition_type: "OPTIONAL", num_children: 2 },
  ...element.map((field) => ({ ...field, repetition_type: "OPTIONAL" })),
];
const conversation = (i: number, answer: string) => [
  { role: "user", content: `Question ${i}?` },
  { role: "assistant", content: answer },
];
parquetWriteFile({
  filename: here("messages.parquet"),
  schema: [
    { name: "root", num_children: 2 },
    ...list("chosen"),
    ...list("rejected"),
  ],
  columnData: [
    { name: "chosen", data: numbers.map((i) => conversation(i, `Good ${i}`)) },
    { name: "rejected", data: numbers.map((i) => conversation(i, `Bad ${i}`)) },
  ],
  codec: "ZSTD",
  compressors: { ZSTD: (bytes: Uint8Array) => new Uint8Array(zstdCompressSync(bytes)) },
});
