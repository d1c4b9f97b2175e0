import { expect, test } from "bun:test";
import { type ByteSource, bytesSource } from "../../engine/nn/bytes.ts";
import { readWeights } from "../../engine/nn/checkpoint.ts";
import { parseConfig } from "../../engine/nn/config.ts";
import { decoderEntries } from "../../engine/nn/entries.ts";
import { openSafetensors, writeSafetensors } from "../../engine/nn/safetensors.ts";
import { sizeOf } from "../../engine/tensor/tensor.ts";
import { testEngine } from "../support/engine.ts";

const config = parseConfig({
  model_type: "llama",
  vocab_size: 150_000,
  hidden_size: 32,
  intermediate_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  tie_word_embeddings: true,
});

test("a large bf16 tensor is read in slices, and no more than once", async () => {
  const engine = await testEngine();
  // Whole numbers up to 256 are exact in bf16.
  const entries = decoderEntries(config).map(({ name, shape }) => ({
    name,
    shape,
    data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => (i * 7 + name.length) % 251),
    dtype: "BF16" as const,
  }));
  const bytes = writeSafetensors(entries);
  const reads: number[] = [];
  const whole = bytesSource("model.safetensors", bytes);
  const source: ByteSource = {
    ...whole,
    read: (offset, length) => (reads.push(length), whole.read(offset, length)),
  };
  const parameters = await readWeights(engine, await openSafetensors(source), config);
  for (const { name, data } of entries) {
    expect(Buffer.compare(
      new Uint8Array((await parameters.get(name).read()).buffer),
      new Uint8Array(data.buffer),
    )).toBe(0);
  }
  parameters.release();
  expect(reads.reduce((sum, length) => sum + length, 0)).toBe(bytes.length);
  expect(Math.max(...reads)).toBe(8 * 2 ** 20);
});

test("a failed read leaves no memory behind", async () => {
  const engine = await testEngine();
  const entries = decoderEntries(config);
  const bytes = writeSafetensors(
    entries.map(({ name, shape }) => ({ name, shape, data: new Float32Array(sizeOf(shape)) })),
  );
  const whole = bytesSource("model.safetensors", bytes);
  const file = await openSafetensors(whole);
  let reads = 0;
  const failing = await openSafetensors({
    ...whole,
    read: (offset, length) =>
      reads++ < 5 ? whole.read(offset, length) : Promise.reject(new Error("the disk is gone")),
  });
  const { live } = engine.memory;
  await expect(readWeights(engine, failing, config)).rejects.toThrow("the disk is gone");
  expect(engine.memory.live).toBe(live);
  const wider = { ...config, mlpWidth: 9 };
  await expect(readWeights(engine, file, wider)).rejects.toThrow(
    "gate_proj.weight has shape [8, 32], but config.json means [9, 32]",
  );
});
