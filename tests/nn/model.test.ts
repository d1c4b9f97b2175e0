import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import type { Folder } from "../../engine/nn/bytes.ts";
import {
  copyModel,
  loadModel,
  modelFiles,
  packPredictions,
  SCORE_WEIGHT,
  sequenceScores,
} from "../../engine/nn/model.ts";
import { packBatch } from "../../engine/nn/batch.ts";
import type { TensorEntry } from "../../engine/nn/safetensors.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { type Check, checkModel } from "../../scripts/lib/model-check.ts";
import { testEngine } from "../support/engine.ts";
import { changedModel } from "../support/model-folder.ts";
import { oracle, shared } from "../support/shared.ts";
import { memoryFolder } from "../support/memory-folder.ts";

const STORYTELLER = fileURLToPath(new URL("../../data/storyteller", import.meta.url));
const STORIES260K = shared("models/stories260k");

const failing = (checks: Check[]) =>
  checks.filter(({ error, tolerance }) => error > tolerance).map(({ group }) => group);

async function check(folder: Folder): Promise<Check[]> {
  return await checkModel(await testEngine(), folder);
}

for (const path of [STORYTELLER, STORIES260K]) {
  const name = path?.split("/").at(-1) ?? "stories260k";
  test.skipIf(path === null)(`${name} gives its recorded text and log-probabilities`, async () => {
    const checks = await check(openFolder(path!));
    expect(failing(checks)).toEqual([]);
    expect(checks.map(({ group }) => group)).toEqual([
      "encodings",
      "log probabilities",
      "greedy tokens",
      "greedy text",
    ]);
  });
}

const changed = (file: string, change: (tensors: TensorEntry[]) => TensorEntry[]) =>
  changedModel("llama-tied", file, change);

const without = (name: string) => (tensors: TensorEntry[]) =>
  tensors.filter((tensor) => tensor.name !== name);
const withExtra = (name: string) => (tensors: TensorEntry[]) => [
  ...tensors,
  { name, shape: [1], data: new Float32Array(1) },
];
const withWrong = (name: string, factor: number) => (tensors: TensorEntry[]) =>
  tensors.map((tensor) =>
    tensor.name === name ? { ...tensor, data: tensor.data.map((x) => x * factor) } : tensor
  );

const WEIGHT = "model.layers.1.mlp.up_proj.weight";

test("a weight that is missing or left over is refused", async () => {
  await expect(check(await changed("model.safetensors", without(WEIGHT)))).rejects.toThrow(WEIGHT);
  await expect(check(await changed("model.safetensors", withExtra("model.extra.weight"))))
    .rejects.toThrow("no place for: model.extra.weight");
});

test("a weight that is wrong by half a percent fails the check", async () => {
  const folder = await changed("model.safetensors", withWrong(WEIGHT, 1.005));
  expect(failing(await check(folder))).toContain("logits");
});

const faults: [what: string, change: (tensors: TensorEntry[]) => TensorEntry[], group: string][] = [
  ["a missing gradient", without(`grad.${WEIGHT}`), "gradients"],
  ["a gradient of no weight", withExtra("grad.model.extra.weight"), "gradients"],
  ["a wrong gradient", withWrong(`grad.${WEIGHT}`, 1.003), "gradients"],
  ["a tensor of no known name", withExtra("entropy"), "unknown tensors"],
  ["wrong losses", withWrong("adamw_losses", 1.0002), "AdamW losses"],
];

for (const [what, change, group] of faults) {
  test(`${what} among what is expected fails the check`, async () => {
    expect(failing(await check(await changed("expected.safetensors", change)))).toEqual([group]);
  });
}

test("the check wants something to compare with", async () => {
  const folder = await changed("model.safetensors", (tensors) => tensors);
  const bare: Folder = {
    ...folder,
    list: async () => (await folder.list()).filter((name) => !name.startsWith("expected")),
  };
  await expect(check(bare)).rejects.toThrow("neither expected.safetensors nor expected.json");
});

test("a written model folder loads to the same bits, scalar head included", async () => {
  const engine = await testEngine();
  for (const name of ["llama", "llama-tied"]) {
    const model = await loadModel(engine, openFolder(oracle(`models/${name}`)));
    const scored = copyModel(model, { score: true });
    engine.write(
      scored.parameters.get(SCORE_WEIGHT),
      Float32Array.from({ length: model.config.width }, (_, i) => Math.sin(i)),
    );
    const again = await loadModel(engine, memoryFolder("written", await modelFiles(scored)));
    expect(again.config).toEqual(model.config);
    expect(again.parameters.names).toEqual(scored.parameters.names);
    for (const weight of again.parameters.names) {
      expect(await again.parameters.get(weight).read())
        .toEqual(await scored.parameters.get(weight).read());
    }
    for (const { parameters } of [model, scored, again]) parameters.release();
  }
});

test("a sequence's score is the head's on its last hidden state, whatever stands beside it", async () => {
  const engine = await testEngine();
  const model = await loadModel(engine, openFolder(STORYTELLER));
  const scored = copyModel(model, { score: true });
  const weight = Float32Array.from({ length: model.config.width }, (_, i) => Math.cos(i));
  engine.write(scored.parameters.get(SCORE_WEIGHT), weight);
  const sequences = [[0, 388, 393, 260], [0, 372], [0, 380, 281, 260, 375, 417, 377]];
  const scores = async (rows: number[][]) =>
    await engine.scope(() => sequenceScores(scored, packBatch(engine, rows))).read();
  const together = await scores(sequences);
  for (const [b, sequence] of sequences.entries()) {
    expect((await scores([sequence]))[0]).toBeCloseTo(together[b], 5);
    const [longer] = await scores([[...sequence, 260]]);
    expect(Math.abs(longer - together[b])).toBeGreaterThan(1e-3);
  }
  for (const { parameters } of [model, scored]) parameters.release();
});

test("tokens that nothing predicts are refused", async () => {
  const engine = await testEngine();
  expect(() => packPredictions(engine, [[1, 2, 3]], [[0, 2]])).toThrow(
    "tokens 0 … 1 of sequence 0",
  );
  expect(() => packPredictions(engine, [[1, 2, 3]], [[1, 4]])).toThrow(
    "tokens 1 … 3 of sequence 0",
  );
  expect(() => packBatch(engine, [[1], []])).toThrow("sequence 1 is empty");
});
