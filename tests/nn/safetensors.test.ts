import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { bytesSource } from "../../engine/nn/bytes.ts";
import {
  openSafetensors,
  type TensorEntry,
  writeSafetensors,
} from "../../engine/nn/safetensors.ts";

/** A file from a header and data bytes, as no honest writer makes it. */
function rawFile(header: unknown, data = new Uint8Array()): Uint8Array {
  const json = new TextEncoder().encode(
    typeof header === "string" ? header : JSON.stringify(header),
  );
  const file = new Uint8Array(8 + json.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  file.set(data, 8 + json.length);
  return file;
}

const open = (bytes: Uint8Array) => openSafetensors(bytesSource("file", bytes));

const tensorEntry: fc.Arbitrary<TensorEntry> = fc.array(fc.nat(4), { maxLength: 3 }).chain(
  (shape) => {
    const length = shape.reduce((product, size) => product * size, 1);
    return fc.record({
      name: fc.string({ unit: "grapheme" }).filter((name) => name !== "__metadata__"),
      shape: fc.constant(shape),
      data: fc.float32Array({ minLength: length, maxLength: length }),
    });
  },
);
const tensorEntries = fc.uniqueArray(tensorEntry, { selector: ({ name }) => name, maxLength: 5 });

describe("round trip", () => {
  test("names, shapes, f32 bits and metadata come back", async () => {
    await fc.assert(
      fc.asyncProperty(
        tensorEntries,
        fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true }),
        async (entries, metadata) => {
          const file = await open(writeSafetensors(entries, metadata));
          expect([...file.names].sort()).toEqual(entries.map(({ name }) => name).sort());
          expect(file.metadata).toEqual(metadata);
          for (const { name, shape, data } of entries) {
            const tensor = file.tensor(name);
            expect(tensor.shape).toEqual(shape);
            const read = await tensor.toFloat32();
            expect(new Uint32Array(read.buffer)).toEqual(
              new Uint32Array(data.slice().buffer),
            );
          }
        },
      ),
      { seed: 2 },
    );
  });

  test("f16 and bf16 round, and data begins at a multiple of 8 with wide values first", async () => {
    const data = new Float32Array([1, -0.1, 3e-4]);
    const bytes = writeSafetensors([
      { name: "half", shape: [3], data, dtype: "F16" },
      { name: "brain", shape: [1, 3], data, dtype: "BF16" },
      { name: "full", shape: [3], data },
    ]);
    const headerBytes = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(headerBytes % 8).toBe(0);
    const file = await open(bytes);
    expect(file.names).toEqual(["full", "half", "brain"]);
    expect(await file.tensor("full").toFloat32()).toEqual(data);
    const [half, brain] = [file.tensor("half"), file.tensor("brain")];
    expect([half.dtype, brain.dtype]).toEqual(["F16", "BF16"]);
    for (const [tensor, tolerance] of [[half, 2 ** -11], [brain, 2 ** -8]] as const) {
      const read = await tensor.toFloat32();
      data.forEach((x, i) =>
        expect(Math.abs(read[i] - x)).toBeLessThanOrEqual(tolerance * Math.abs(x))
      );
    }
  });

  test("a view into a larger array writes only its own values", async () => {
    const data = new Float32Array([9, 1, 2, 9]).subarray(1, 3);
    const file = await open(writeSafetensors([{ name: "a", shape: [2], data }]));
    expect([...await file.tensor("a").toFloat32()]).toEqual([1, 2]);
  });
});

test("integers and f64 are read, and an integer beyond f32 is an error", async () => {
  const data = new Uint8Array(33);
  const view = new DataView(data.buffer);
  view.setFloat64(0, 0.5, true);
  view.setBigInt64(8, -7n, true);
  view.setBigInt64(16, 2n ** 24n + 1n, true);
  view.setInt32(24, 511, true);
  view.setInt32(28, 2 ** 24 + 1, true);
  data[32] = 200;
  const file = await open(rawFile({
    f64: { dtype: "F64", shape: [1], data_offsets: [0, 8] },
    i64: { dtype: "I64", shape: [1], data_offsets: [8, 16] },
    far: { dtype: "I64", shape: [], data_offsets: [16, 24] },
    i32: { dtype: "I32", shape: [1], data_offsets: [24, 28] },
    far32: { dtype: "I32", shape: [1], data_offsets: [28, 32] },
    u8: { dtype: "U8", shape: [1], data_offsets: [32, 33] },
  }, data));
  const value = async (name: string) => (await file.tensor(name).toFloat32())[0];
  expect([await value("f64"), await value("i64"), await value("i32"), await value("u8")])
    .toEqual([0.5, -7, 511, 200]);
  await expect(value("far")).rejects.toThrow("tensor far holds 16777217");
  await expect(value("far32")).rejects.toThrow("tensor far32 holds 16777217");
});

describe("a corrupt file is refused with the reason", () => {
  const f32 = (begin: number, end: number, count = (end - begin) / 4) => ({
    dtype: "F32",
    shape: [count],
    data_offsets: [begin, end],
  });
  const eight = new Uint8Array(8);
  const cases: [string, Uint8Array, string][] = [
    ["empty", new Uint8Array(), "it has 0 bytes"],
    ["too short for its header", rawFile({}).subarray(0, 9), "should end at byte 10"],
    ["absurd header length", new Uint8Array(16).fill(255), "header length is"],
    ["not UTF-8", rawFile("{}").map((x, i) => (i === 8 ? 0xff : x)), "not valid UTF-8"],
    ["not JSON", rawFile('{"a":'), "not JSON"],
    ["a list", rawFile("[]"), "no JSON object"],
    ["bad dtype", rawFile({ a: { ...f32(0, 8), dtype: "F8_E4M3" } }, eight), "tensor a"],
    ["no offsets", rawFile({ a: { dtype: "F32", shape: [2] } }, eight), "data_offsets"],
    ["negative size", rawFile({ a: { ...f32(0, 8), shape: [-2] } }, eight), "shape"],
    ["shape against offsets", rawFile({ a: f32(0, 8, 3) }, eight), "takes 12 bytes"],
    ["end before begin", rawFile({ a: f32(8, 0, 2) }, eight), "span -8"],
    ["overlap", rawFile({ a: f32(0, 8), b: f32(4, 8) }, eight), "overlaps a"],
    ["hole", rawFile({ a: f32(0, 4), b: f32(8, 12) }, new Uint8Array(12)), "leaves a hole after a"],
    ["data missing", rawFile({ a: f32(0, 8) }, new Uint8Array(4)), "cut short"],
    ["data left over", rawFile({ a: f32(0, 8) }, new Uint8Array(9)), "9 bytes of data"],
    ["metadata not text", rawFile({ __metadata__: { step: 3 } }), "__metadata__"],
    [
      "a name twice",
      rawFile(`{"a":${JSON.stringify(f32(0, 4))},"a":${JSON.stringify(f32(4, 8))}}`, eight),
      "leaves a hole",
    ],
  ];
  for (const [name, bytes, reason] of cases) {
    test(name, async () => {
      await expect(open(bytes)).rejects.toThrow(reason);
      await expect(open(bytes)).rejects.toThrow("file");
    });
  }

  test("any truncation", async () => {
    await fc.assert(
      fc.asyncProperty(
        tensorEntries,
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (entries, share) => {
          const bytes = writeSafetensors(entries);
          const length = Math.floor(share * (bytes.length - 1));
          await expect(open(bytes.subarray(0, length))).rejects.toThrow();
        },
      ),
      { seed: 3 },
    );
  });

  test("a changed header byte gives an error or a whole file, never a read past the end", async () => {
    const bytes = writeSafetensors([
      { name: "a", shape: [2, 2], data: new Float32Array(4) },
      { name: "b", shape: [3], data: new Float32Array(3) },
    ], { step: "1" });
    const header = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
    await fc.assert(
      fc.asyncProperty(fc.nat(header - 1), fc.nat(255), async (at, value) => {
        const changed = bytes.slice();
        changed[at] = value;
        const file = await open(changed).catch((error: Error) => error);
        if (file instanceof Error) {
          expect(file.message).toContain("file");
          return;
        }
        for (const name of file.names) {
          const tensor = file.tensor(name);
          const count = tensor.shape.reduce((product, size) => product * size, 1);
          expect((await tensor.toFloat32()).length).toBe(count);
        }
      }),
      { seed: 4, numRuns: 2000 },
    );
  });
});

test("an unknown tensor is refused with the names that there are", async () => {
  const file = await open(writeSafetensors([{ name: "a", shape: [], data: new Float32Array(1) }]));
  expect(() => file.tensor("b")).toThrow("file holds no tensor b; its 1 tensors are a");
});

test("the writer refuses a wrong shape, a name twice and the reserved name", () => {
  const data = new Float32Array(2);
  const entry = { name: "a", shape: [2], data };
  expect(() => writeSafetensors([{ ...entry, shape: [3] }])).toThrow("takes 3 values");
  expect(() => writeSafetensors([entry, entry])).toThrow("stands twice");
  expect(() => writeSafetensors([{ ...entry, name: "__metadata__" }])).toThrow("reserved");
});
