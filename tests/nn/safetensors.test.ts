import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { bytesSource } from "../../engine/nn/bytes.ts";
import { BYTES_PER_VALUE, type Dtype } from "../../engine/nn/dtype.ts";
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

test("a range of a tensor is what the whole holds there, and no other byte is read", async () => {
  const data = Float32Array.from({ length: 60 }, (_, i) => i - 7.5);
  const bytes = writeSafetensors(
    (["F32", "F16", "BF16"] as const).map((dtype) => ({
      name: dtype,
      shape: [12, 5],
      data,
      dtype,
    })),
  );
  const source = bytesSource("file", bytes), reads: number[] = [];
  const counting = {
    ...source,
    read: (offset: number, length: number) => (reads.push(length), source.read(offset, length)),
  };
  const file = await openSafetensors(counting);
  const range = fc.tuple(fc.nat(60), fc.nat(60)).map((ends) => ends.sort((a, b) => a - b));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom("F32", "F16", "BF16"), range, async (dtype, [start, end]) => {
      const tensor = file.tensor(dtype);
      const whole = await tensor.toFloat32();
      reads.length = 0;
      expect(await tensor.toFloat32(start, end)).toEqual(whole.slice(start, end));
      expect(reads).toEqual([(end - start) * (dtype === "F32" ? 4 : 2)]);
    }),
    { seed: 5 },
  );
  for (const [start, end] of [[0, 61], [-1, 3], [5, 4]]) {
    await expect(file.tensor("F16").toFloat32(start, end)).rejects.toThrow(
      "tensor F16 has 60 values",
    );
  }
});

test("integers and f64 are read, and an integer beyond f32 is an error", async () => {
  const data = new Uint8Array(64);
  const view = new DataView(data.buffer);
  view.setFloat64(0, 0.5, true);
  view.setBigInt64(8, -7n, true);
  view.setBigInt64(16, 2n ** 24n + 1n, true);
  view.setInt32(24, 511, true);
  view.setInt32(28, 2 ** 24 + 1, true);
  data[32] = 200;
  data[33] = 1;
  view.setInt8(34, -3);
  view.setInt16(36, -300, true);
  view.setUint16(38, 65_535, true);
  view.setUint32(40, 2 ** 31, true);
  view.setBigUint64(48, 2n ** 63n, true);
  view.setBigUint64(56, 2n ** 63n + 1n, true);
  const file = await open(rawFile({
    f64: { dtype: "F64", shape: [1], data_offsets: [0, 8] },
    i64: { dtype: "I64", shape: [1], data_offsets: [8, 16] },
    far: { dtype: "I64", shape: [], data_offsets: [16, 24] },
    i32: { dtype: "I32", shape: [1], data_offsets: [24, 28] },
    far32: { dtype: "I32", shape: [1], data_offsets: [28, 32] },
    u8: { dtype: "U8", shape: [1], data_offsets: [32, 33] },
    bool: { dtype: "BOOL", shape: [1], data_offsets: [33, 34] },
    i8: { dtype: "I8", shape: [2], data_offsets: [34, 36] },
    i16: { dtype: "I16", shape: [1], data_offsets: [36, 38] },
    u16: { dtype: "U16", shape: [1], data_offsets: [38, 40] },
    u32: { dtype: "U32", shape: [2], data_offsets: [40, 48] },
    u64: { dtype: "U64", shape: [1], data_offsets: [48, 56] },
    far64: { dtype: "U64", shape: [1], data_offsets: [56, 64] },
  }, data));
  const value = async (name: string) => (await file.tensor(name).toFloat32())[0];
  expect([await value("f64"), await value("i64"), await value("i32"), await value("u8")])
    .toEqual([0.5, -7, 511, 200]);
  expect([await value("bool"), await value("i8"), await value("i16"), await value("u16")])
    .toEqual([1, -3, -300, 65_535]);
  expect([await value("u32"), await value("u64")]).toEqual([2 ** 31, 2 ** 63]);
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
    [
      "a pointer of Git LFS",
      new TextEncoder().encode("version https://git-lfs.github.com/spec/v1\noid sha256:1\n"),
      "`git lfs pull`",
    ],
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

  test("sizes whose product no number holds", async () => {
    const huge = { dtype: "F32", shape: [2 ** 52, 2 ** 52, 16], data_offsets: [0, 8] };
    await expect(open(rawFile({ a: huge }, eight))).rejects.toThrow(
      "but its offsets [0, 8] span 8",
    );
  });

  test("any bytes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (bytes) => {
        await expect(open(bytes)).rejects.toThrow("file");
      }),
      { seed: 6 },
    );
  });

  test("a header with some fields changed is refused, or each data byte belongs to one tensor", async () => {
    const name = fc.constantFrom("a", "b", "__proto__", "constructor", "");
    const part = fc.record({ name, dtype: fc.constantFrom("F32", "F16", "U8"), count: fc.nat(3) });
    const number = fc.integer({ min: -4, max: 12 });
    const change = fc.oneof(
      fc.record({ dtype: fc.constantFrom("F32", "I16", "BOOL", "F8_E4M3", "", 7) }),
      fc.record({ shape: fc.oneof(fc.array(number, { maxLength: 2 }), fc.constant("2")) }),
      fc.record({ data_offsets: fc.array(number, { maxLength: 3 }) }),
    );
    let accepted = 0, refused = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(part, { selector: ({ name }) => name, maxLength: 3 }),
        fc.array(fc.option(change), { minLength: 3, maxLength: 3 }),
        async (parts, changes) => {
          let end = 0;
          const fields = parts.map(({ name, dtype, count }, i) => {
            const begin = end;
            end += count * BYTES_PER_VALUE[dtype as Dtype];
            const whole = { dtype, shape: [count], data_offsets: [begin, end] };
            return `"${name}":${JSON.stringify({ ...whole, ...changes[i] })}`;
          });
          const file = await open(rawFile(`{${fields}}`, new Uint8Array(end)))
            .catch((error: Error) => error);
          if (file instanceof Error) {
            refused++;
            return expect(file.message).toContain("file");
          }
          accepted++;
          expect([...file.names].sort()).toEqual(parts.map(({ name }) => name).sort());
          let used = 0;
          for (const name of file.names) {
            const { dtype, toFloat32 } = file.tensor(name);
            used += (await toFloat32()).length * BYTES_PER_VALUE[dtype];
          }
          expect(used).toBe(end);
        },
      ),
      { seed: 7, numRuns: 3000 },
    );
    expect(Math.min(accepted, refused)).toBeGreaterThan(500);
  });

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
