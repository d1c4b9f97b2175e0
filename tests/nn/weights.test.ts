import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Folder } from "../../engine/nn/bytes.ts";
import { openSafetensors, writeSafetensors } from "../../engine/nn/safetensors.ts";
import { openWeights } from "../../engine/nn/weights.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { oracle } from "../support/shared.ts";
import { memoryFolder } from "../support/memory-folder.ts";

const shard = (...names: string[]) =>
  writeSafetensors(
    names.map((name) => ({ name, shape: [1], data: new Float32Array([names.length]) })),
  );

function shardedFolder(weightMap: Record<string, string>): Folder {
  const index = new TextEncoder().encode(JSON.stringify({ weight_map: weightMap }));
  return memoryFolder(
    "model",
    new Map([
      ["model.safetensors.index.json", index],
      ["one.safetensors", shard("a", "b")],
      ["two.safetensors", shard("c")],
    ]),
  );
}

const WHOLE = { a: "one.safetensors", b: "one.safetensors", c: "two.safetensors" };

test("a sharded model opens as one", async () => {
  const weights = await openWeights(shardedFolder(WHOLE));
  expect([...weights.names].sort()).toEqual(["a", "b", "c"]);
  expect([...await weights.tensor("c").toFloat32()]).toEqual([1]);
});

test("the sharded and the single oracle model have their sizes", async () => {
  const count = async (name: string) => {
    const weights = await openWeights(openFolder(oracle(`models/${name}`)));
    let values = 0;
    for (const tensor of weights.names) {
      const data = await weights.tensor(tensor).toFloat32();
      expect(data.every(Number.isFinite)).toBe(true);
      values += data.length;
    }
    return values;
  };
  const index = await openFolder(oracle("models/llama")).text("model.safetensors.index.json");
  expect(await count("llama")).toBe(JSON.parse(index).metadata.total_parameters);
  const { size } = await openFolder(oracle("models/llama-tied")).open("model.safetensors");
  const values = await count("llama-tied");
  expect(4 * values).toBeLessThan(size);
  expect(4 * values).toBeGreaterThan(0.99 * size);
});

test("the oracle's token ids are whole numbers below the vocabulary", async () => {
  const folder = openFolder(oracle("models/llama"));
  const expected = await openSafetensors(await folder.open("expected.safetensors"));
  const integers = expected.names.filter((name) => expected.tensor(name).dtype === "I32");
  expect(integers.length).toBeGreaterThan(0);
  for (const name of integers) {
    for (const id of await expected.tensor(name).toFloat32()) {
      expect(Number.isInteger(id) && id < 263).toBe(true);
    }
  }
});

test("an index and shards that disagree are refused", async () => {
  const open = (weightMap: Record<string, string>) => openWeights(shardedFolder(weightMap));
  const { b: _, ...withoutB } = WHOLE;
  await expect(open(withoutB)).rejects.toThrow("holds tensor b, which");
  await expect(open({ ...WHOLE, b: "two.safetensors" })).rejects.toThrow(
    "places in two.safetensors",
  );
  await expect(open({ ...WHOLE, d: "two.safetensors" })).rejects.toThrow("places tensor d in two");
  await expect(open({ ...WHOLE, c: "three.safetensors" })).rejects.toThrow("three.safetensors");
  await expect(open({ ...WHOLE, c: "../two.safetensors" })).rejects.toThrow("same folder");
});

test("any index is refused, or means each tensor of the shards", async () => {
  const file = fc.constantFrom("one.safetensors", "two.safetensors", "three.safetensors", "..", "");
  const map = fc.dictionary(fc.constantFrom("a", "b", "c", "d"), file, { noNullPrototype: true });
  await fc.assert(
    fc.asyncProperty(map, async (weightMap) => {
      const opened = await openWeights(shardedFolder(weightMap)).catch((error: Error) => error);
      if (opened instanceof Error) return expect(opened.message).toContain("model");
      expect(weightMap).toMatchObject(
        Object.fromEntries(opened.names.map((name) => [name, WHOLE[name as keyof typeof WHOLE]])),
      );
    }),
    { seed: 8, numRuns: 300 },
  );
});

test("a folder without safetensors is refused with what to do", async () => {
  const folder = memoryFolder("model", new Map([["pytorch_model.bin", new Uint8Array()]]));
  await expect(openWeights(folder)).rejects.toThrow("save_pretrained");
});
