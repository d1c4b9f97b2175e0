import { expect, test } from "bun:test";
import { adapterOf, loraModel } from "../../engine/nn/adapter.ts";
import { mergeAdapter } from "../../engine/nn/merge.ts";
import { copyModel, loadModel, modelFiles } from "../../engine/nn/model.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { checkAdapter } from "../../scripts/lib/adapter-check.ts";
import { checkModel } from "../../scripts/lib/model-check.ts";
import { expectClose, randomNumbers } from "../support/compare.ts";
import { decodingError } from "../support/decoding.ts";
import { newEngine, testEngine } from "../support/engine.ts";
import { oracle } from "../support/shared.ts";

test("a model whose table, embedding and head in one, is larger than a binding is the same model", async () => {
  const bindingLimit = 90_000; // below the table's 131,072 bytes, above all else
  const engine = await newEngine({ bindingLimit });
  const folder = openFolder(oracle("models/llama-tied"));
  const checks = await checkModel(engine, folder);
  expect(checks.filter(({ error, tolerance }) => error > tolerance)).toEqual([]);

  const model = await loadModel(engine, folder);
  const { parameters } = model;
  expect(parameters.names.filter((name) => parameters.get(name).bytes > bindingLimit))
    .toEqual(["model.embed_tokens.weight"]);
  expect(Math.max(...parameters.shards.map(({ weights }) => weights.bytes)))
    .toBeLessThanOrEqual(bindingLimit);
  expect(await decodingError(model)).toBeLessThan(1e-5);
  const whole = await loadModel(await testEngine(), folder);
  const files = await modelFiles(whole);
  expect(await modelFiles(model)).toEqual(files);
  expect(await modelFiles(copyModel(model))).toEqual(files);
  whole.parameters.release();
  engine.destroy();
});

test("an adapter of a head larger than a binding, itself as large, is the same adapter", async () => {
  const engine = await newEngine({ bindingLimit: 90_000 });
  const [adapter, folder] = ["adapters/llama-tied-head-lora", "models/llama-tied"].map((path) =>
    openFolder(oracle(path))
  );
  const checks = await checkAdapter(engine, adapter, folder);
  expect(checks.filter(({ error, tolerance }) => error > tolerance)).toEqual([]);

  const results = await Promise.all([await testEngine(), engine].map(async (engine) => {
    const base = await loadModel(engine, folder, { trainable: false });
    const model = loraModel(base, { rank: 64, alpha: 64, targets: ["lm_head"] }, 1);
    const { b } = [...adapterOf(model).adapters.values()][0];
    expect(b.bytes > engine.bindingLimit).toBe(engine.bindingLimit === 90_000);
    engine.write(b, randomNumbers(b.size, 1));
    expect(await decodingError(model)).toBeLessThan(1e-5);
    const merged = mergeAdapter(model);
    const head = await merged.parameters.get("lm_head.weight").read();
    for (const { parameters } of [merged, model, base]) parameters.release();
    return head;
  }));
  expectClose(results[1], results[0], 1e-6);
  engine.destroy();
});
