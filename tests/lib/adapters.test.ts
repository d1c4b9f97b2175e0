import { afterAll, expect, test } from "bun:test";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { adapterOf, baseOf } from "../../engine/nn/adapter.ts";
import { copyModel, logits, packPredictions } from "../../engine/nn/model.ts";
import { adapterBase } from "../../engine/nn/peft-config.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { RunFolder } from "../../scripts/host/run-folder.ts";
import { baseName, loadFrozen, loraOptions, trainable } from "../../scripts/lib/adapters.ts";
import { loadTextModel } from "../../scripts/lib/load-model.ts";
import { saveModel } from "../../scripts/lib/save-model.ts";
import { expectClose, randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";
import { oracle } from "../support/shared.ts";

const folder = mkdtempSync(join(tmpdir(), "homeport-"));
afterAll(() => rmSync(folder, { recursive: true }));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const STORYTELLER = fileURLToPath(new URL("../../data/storyteller", import.meta.url));

test("the flags say what is adapted; without a rank all weights are trained", () => {
  expect(loraOptions({})).toBeNull();
  expect(loraOptions({ loraRank: 4 })).toEqual({ rank: 4, alpha: 8, targets: "all-linear" });
  const targets = ["q_proj", "v_proj"];
  expect(loraOptions({ loraRank: 4, loraAlpha: 1, loraTargets: "q_proj,v_proj" }))
    .toEqual({ rank: 4, alpha: 1, targets });
  expect(() => loraOptions({ loraAlpha: 1 })).toThrow("belong to --lora-rank");
});

test("an adapter is saved beside the tokenizer and loads over its base to the same bits", async () => {
  const engine = await testEngine();
  const source = await loadTextModel(engine, STORYTELLER);
  const { base } = source;
  expect(base.parameters.trainable).toBe(false);
  const options = { rank: 2, alpha: 4, targets: ["q_proj", "down_proj"] };
  const model = trainable(base, options, 1);
  for (const { b } of adapterOf(model).adapters.values()) engine.write(b, randomNumbers(b.size, 1));
  await saveModel(new RunFolder(folder), "policy", model, source);

  const again = await loadTextModel(engine, join(folder, "models/policy"));
  expect(again.endToken).toBe(base.config.endTokens[0]);
  const next = copyModel(again.base); // as training starts
  const { parameters } = next;
  expect(parameters.names).toEqual(model.parameters.names);
  for (const name of parameters.names) {
    expect(await parameters.get(name).read()).toEqual(await model.parameters.get(name).read());
  }
  // What is trained from an adapter stands on that adapter's base.
  await saveModel(new RunFolder(folder), "next", next, again);
  expect(await adapterBase(openFolder(join(folder, "models/next"))))
    .toEqual({ name: resolve(STORYTELLER), revision: null });
  // Of a model of the hub the name is kept, not where the cache has it.
  await saveModel(new RunFolder(folder), "hub", model, { ...source, name: "some/model@v1" });
  const hub = { path: join(folder, "models/hub"), name: join(folder, "models/hub") };
  expect(await adapterBase(openFolder(hub.path))).toEqual({ name: "some/model", revision: "v1" });
  expect(await baseName(hub)).toBe("some/model@v1");
  const shared = again.base.parameters.base!;
  for (const owner of [parameters, again.base.parameters, shared, model.parameters]) {
    owner.release();
  }
  base.parameters.release();
});

test("adapters over one base share its weights", async () => {
  const engine = await testEngine();
  const path = oracle("models/llama"), adapter = oracle("adapters/llama-lora");
  const base = await loadFrozen(engine, path);
  const [first, alone] = [
    await loadFrozen(engine, adapter, { other: { name: path, path, base } }),
    await loadFrozen(engine, adapter, { other: { name: STORYTELLER, path: STORYTELLER, base } }),
  ];
  expect(first.parameters.base).toBe(base.parameters);
  expect(alone.parameters.base).not.toBe(base.parameters);
  const second = await loadFrozen(engine, adapter, {
    other: { name: adapter, path: adapter, base: first },
  });
  expect(second.parameters.base).toBe(base.parameters);
  for (const { parameters } of [second, first, alone, baseOf(alone), base]) parameters.release();
});

test("an adapter whose base is not there says which it wants", async () => {
  const engine = await testEngine();
  const model = trainable(await loadFrozen(engine, oracle("models/llama")), {
    rank: 1,
    alpha: 1,
    targets: ["q_proj"],
  }, 1);
  const gone = join(folder, "gone");
  cpSync(oracle("models/llama"), gone, { recursive: true });
  await saveModel(new RunFolder(folder), "lost", model, { name: gone, path: gone });
  rmSync(gone, { recursive: true });
  await expect(loadFrozen(engine, join(folder, "models/lost"))).rejects.toThrow(
    /names the base model ".*gone", and there is no such folder/,
  );
  for (const owner of [model.parameters, model.parameters.base!]) owner.release();
});

test("merge.ts writes a model of its own that computes what the adapter does", async () => {
  const engine = await testEngine();
  const path = oracle("adapters/llama-lora"), out = join(folder, "merged");
  const command = [process.execPath, "scripts/merge.ts", path, out, "--json"];
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd: ROOT });
  expect([exitCode, exitCode === 0 ? "" : stderr.toString()]).toEqual([0, ""]);
  const [adapted, merged] = [await loadFrozen(engine, path), await loadFrozen(engine, out)];
  expect(merged.parameters.base).toBeNull();
  expect(JSON.parse(stdout.toString())).toMatchObject({
    model: out,
    weights: merged.parameters.count,
  });
  const batch = packPredictions(engine, [[3, 5, 9]], [[1, 3]]);
  const [expected, found] = [adapted, merged].map((model) =>
    engine.scope(() => logits(model, batch))
  );
  expectClose(await found.read(), await expected.read(), 1e-5);
  for (const { parameters } of [adapted, baseOf(adapted), merged]) parameters.release();
  const again = Bun.spawnSync(command, { cwd: ROOT });
  expect([again.exitCode === 0, again.stderr.toString()])
    .toEqual([false, expect.stringContaining("is there already")]);
});

test("without adapters a model to train is a copy", async () => {
  const base = await loadFrozen(await testEngine(), oracle("models/llama"));
  const { parameters } = trainable(base, null, 1);
  expect([parameters.base, parameters.trainable]).toEqual([null, true]);
  for (const owner of [parameters, base.parameters]) owner.release();
});
