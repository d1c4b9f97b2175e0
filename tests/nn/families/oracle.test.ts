import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Engine } from "../../../engine/gpu/engine.ts";
import { packBatch } from "../../../engine/nn/batch.ts";
import { parseConfig } from "../../../engine/nn/config.ts";
import { loadModel, logits, type Model, modelFiles } from "../../../engine/nn/model.ts";
import { openWeights } from "../../../engine/nn/weights.ts";
import { openFolder } from "../../../scripts/host/files.ts";
import { checkModel } from "../../../scripts/lib/model-check.ts";
import { decodingError } from "../../support/decoding.ts";
import { testEngine } from "../../support/engine.ts";
import { changedModel } from "../../support/model-folder.ts";
import { oracle } from "../../support/shared.ts";
import { memoryFolder } from "../../support/memory-folder.ts";

const FAMILIES = ["gpt2", "llama", "llama-tied", "pythia", "qwen2", "qwen3"];

let engine: Engine;
beforeAll(async () => {
  engine = await testEngine();
});

const bits = (values: Float32Array) => new Uint32Array(values.buffer, 0, values.length);

for (const name of FAMILIES) {
  describe(name, () => {
    let model: Model;
    beforeAll(async () => {
      model = await loadModel(engine, openFolder(oracle(`models/${name}`)));
    });
    afterAll(() => model.parameters.release());

    test("logits, every gradient and ten AdamW losses are PyTorch's", async () => {
      const checks = await checkModel(engine, openFolder(oracle(`models/${name}`)));
      expect(checks.filter(({ error, tolerance }) => error > tolerance)).toEqual([]);
      expect(checks.map(({ group }) => group)).toEqual([
        "logits",
        "log probabilities",
        "loss",
        "gradients",
        "AdamW losses",
      ]);
    });

    test("what is saved has the names, shapes and bits of what was loaded", async () => {
      const before = await openWeights(openFolder(oracle(`models/${name}`)));
      const files = memoryFolder("saved", await modelFiles(model));
      const after = await openWeights(files);
      expect([...after.names].sort()).toEqual([...before.names].sort());
      for (const tensor of before.names) {
        expect(after.tensor(tensor).shape).toEqual(before.tensor(tensor).shape);
        expect(bits(await after.tensor(tensor).toFloat32()))
          .toEqual(bits(await before.tensor(tensor).toFloat32()));
      }
    });

    test("the config that is saved means the same model", async () => {
      const text = new TextDecoder().decode((await modelFiles(model)).get("config.json"));
      const saved = JSON.parse(text);
      const original = JSON.parse(
        await openFolder(oracle(`models/${name}`)).text("config.json"),
      );
      expect(parseConfig(saved)).toEqual(model.config);
      expect(saved.architectures).toEqual(original.architectures);
      expect(saved.model_type).toBe(original.model_type);
    });

    test("decoding with a cache gives the training forward's log-probabilities", async () => {
      expect(await decodingError(model)).toBeLessThan(1e-5);
    });
  });
}

/** Loads a changed oracle model and gives its logits. */
async function logitsOf(folder: Parameters<typeof loadModel>[1]): Promise<Float32Array> {
  const model = await loadModel(engine, folder);
  const batch = packBatch(engine, [[3, 1, 4, 1, 5], [9, 2, 6]]);
  const values = await engine.scope(() => logits(model, batch)).read();
  model.parameters.release();
  return values;
}

const mask = (name: string) => ({ name, shape: [1, 1, 2, 2], data: new Float32Array(4) });

test("a checkpoint of GPT-2 as it stands on the hub, without prefix and with masks, is read", async () => {
  const hub = await changedModel("gpt2", "model.safetensors", (tensors) => [
    ...tensors.map((tensor) => ({ ...tensor, name: tensor.name.replace("transformer.", "") })),
    mask("h.0.attn.bias"),
    mask("h.1.attn.masked_bias"),
  ]);
  expect(await logitsOf(hub)).toEqual(await logitsOf(openFolder(oracle("models/gpt2"))));
});

test("a checkpoint of Pythia with masks and frequencies, or its head by another name, is read", async () => {
  const hub = await changedModel("pythia", "model.safetensors", (tensors) => [
    ...tensors.map((tensor) => ({
      ...tensor,
      name: tensor.name.replace("embed_out.", "lm_head."),
    })),
    mask("gpt_neox.layers.0.attention.bias"),
    mask("gpt_neox.layers.0.attention.masked_bias"),
    mask("gpt_neox.layers.1.attention.rotary_emb.inv_freq"),
  ]);
  expect(await logitsOf(hub)).toEqual(await logitsOf(openFolder(oracle("models/pythia"))));
});
