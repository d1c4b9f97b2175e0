import { expect, test } from "bun:test";
import { copyModel, loadModel, modelFiles } from "../../engine/nn/model.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { checkModel } from "../../scripts/lib/model-check.ts";
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
