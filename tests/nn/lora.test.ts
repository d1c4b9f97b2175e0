import { expect, test } from "bun:test";
import type { Engine } from "../../engine/gpu/engine.ts";
import { adapterOf, baseOf, loraModel } from "../../engine/nn/adapter.ts";
import { mergeAdapter } from "../../engine/nn/merge.ts";
import { LoraParameters } from "../../engine/nn/lora.ts";
import {
  copyModel,
  loadModel,
  logits,
  type Model,
  modelFiles,
  packPredictions,
  SCORE_WEIGHT,
} from "../../engine/nn/model.ts";
import { project } from "../../engine/nn/project.ts";
import { loadAdapter } from "../../engine/nn/peft.ts";
import { defaultAdamW } from "../../engine/nn/optimizer.ts";
import { SupervisedTrainer } from "../../engine/rl/sft.ts";
import { Parameters } from "../../engine/tensor/parameters.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { dot, expectClose, numericalGradients, randomNumbers } from "../support/compare.ts";
import { decodingError } from "../support/decoding.ts";
import { newEngine, testEngine } from "../support/engine.ts";
import { memoryFolder } from "../support/memory-folder.ts";
import { oracle } from "../support/shared.ts";

const OPTIONS = { rank: 3, alpha: 6, targets: ["q_proj", "v_proj"] };

async function tinyBase(family = "llama", engine?: Engine): Promise<Model> {
  const folder = openFolder(oracle(`models/${family}`));
  return await loadModel(engine ?? await testEngine(), folder, { trainable: false });
}

async function logitsOf(model: Model): Promise<Float32Array> {
  const { engine } = model.parameters;
  const batch = packPredictions(engine, [[3, 5, 9, 4, 100], [7, 8]], [[1, 5], [1, 2]]);
  return await engine.scope(() => logits(model, batch)).read();
}

/** Gives the adapter's B, which starts at 0, numbers. */
function stir(model: Model, seed: number): void {
  for (const { b } of adapterOf(model).adapters.values()) {
    b.engine.write(b, randomNumbers(b.size, seed++, 0.1));
  }
}

async function bitsOf(parameters: Parameters): Promise<Float32Array[]> {
  return await Promise.all(parameters.shards.map(({ weights }) => weights.read()));
}

for (const [rows, inputs, outputs, rank, residual] of [[5, 7, 6, 2, true], [1, 3, 9, 1, false]]) {
  test(`an adapted layer ${rows}×${inputs} → ${outputs} of rank ${rank} and its gradients, against float64`, async () => {
    const engine = await testEngine();
    const [N, K, M, r] = [rows, inputs, outputs, rank] as number[];
    const base = new Parameters(engine, [{ name: "f.weight", shape: [M, K] }], false);
    engine.write(base.get("f.weight"), randomNumbers(M * K, 1));
    const entries = [
      { name: "f.lora_A.weight", shape: [r, K] },
      { name: "f.lora_B.weight", shape: [M, r] },
    ];
    const lora = {
      ...{ rank: r, alpha: 1.5, rankStabilized: false, targets: ["f"], exclude: [], dropout: 0 },
      ...{ rankPattern: {}, alphaPattern: {} },
    };
    const parameters = new LoraParameters(base, lora, entries);
    const given = [
      randomNumbers(N * K, 2),
      randomNumbers(r * K, 3),
      randomNumbers(M * r, 4),
      randomNumbers(N * M, 5),
    ];
    const upstream = randomNumbers(N * M, 6);
    const weight = await base.get("f.weight").read();
    const reference = (x: Float64Array, a: Float64Array, b: Float64Array, added: Float64Array) =>
      Float64Array.from({ length: N * M }, (_, place) => {
        const n = Math.floor(place / M), m = place % M;
        let sum = residual ? added[place] : 0;
        for (let k = 0; k < K; k++) {
          sum += x[n * K + k] * weight[m * K + k];
          for (let i = 0; i < r; i++) {
            sum += 1.5 / r * x[n * K + k] * a[i * K + k] * b[m * r + i];
          }
        }
        return sum;
      });
    engine.write(parameters.get("f.lora_A.weight"), given[1]);
    engine.write(parameters.get("f.lora_B.weight"), given[2]);
    const x = engine.tensor(given[0], [N, K]), added = engine.tensor(given[3], [N, M]);
    const tape = new Tape();
    parameters.watch(tape);
    for (const input of [x, added]) tape.watch(input);
    const options = residual ? { residual: added } : {};
    const out = engine.record(tape, () => project(parameters, "f", x, options));
    const doubles = given.map((numbers) => Float64Array.from(numbers));
    expectClose(await out.read(), reference(...doubles as Parameters4));
    const numbers = numericalGradients(
      (...point) => dot(reference(...point as Parameters4), upstream),
      given,
    );
    tape.backward(out, engine.tensor(upstream, [N, M]));
    expectClose(await tape.gradient(x)!.read(), numbers[0]);
    expectClose(await parameters.gradient("f.lora_A.weight").read(), numbers[1]);
    expectClose(await parameters.gradient("f.lora_B.weight").read(), numbers[2]);
    if (residual) expectClose(await tape.gradient(added)!.read(), numbers[3]);
    expect(tape.gradient(base.get("f.weight"))).toBeNull(); // frozen: not even computed
    for (const owner of [parameters, base]) owner.release();
  });
}

type Parameters4 = [Float64Array, Float64Array, Float64Array, Float64Array];

test("a fresh adapter leaves the model as it is, to the bit", async () => {
  const base = await tinyBase();
  const model = loraModel(base, { ...OPTIONS, targets: ".*" }, 1);
  expect(adapterOf(model).adapters.size).toBe(15);
  expect(await logitsOf(model)).toEqual(await logitsOf(base));
  stir(model, 1);
  expect(await logitsOf(model)).not.toEqual(await logitsOf(base));
  for (const { parameters } of [model, base]) parameters.release();
});

test("A is drawn from U(−1/√K, 1/√K) by seed, B is 0", async () => {
  const base = await tinyBase();
  const models = [1, 1, 2].map((seed) => loraModel(base, { ...OPTIONS, rank: 40 }, seed));
  const draws = await Promise.all(models.map(async (model) => {
    const { adapters } = adapterOf(model);
    for (const { b } of adapters.values()) {
      expect((await b.read()).every((x) => x === 0)).toBe(true);
    }
    return await Promise.all([...adapters.values()].map(({ a }) => a.read()));
  }));
  expect(draws[1]).toEqual(draws[0]);
  expect(draws[2]).not.toEqual(draws[0]);
  expect(draws[0][1]).not.toEqual(draws[0][0]);
  const bound = 1 / Math.sqrt(48), all = draws[0].flatMap((values) => [...values]);
  expect(Math.max(...all.map(Math.abs))).toBeLessThanOrEqual(bound);
  const mean = (values: number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
  const deviation = bound / Math.sqrt(3); // of a uniform number
  expect(Math.abs(mean(all))).toBeLessThan(4 * deviation / Math.sqrt(all.length));
  expect(mean(all.map((x) => x * x)) / deviation ** 2).toBeCloseTo(1, 1);
  for (const { parameters } of [...models, base]) parameters.release();
});

for (
  const [adapter, family] of [
    ["llama-lora", "llama"],
    ["gpt2-lora", "gpt2"],
    ["pythia-lora", "pythia"],
    ["llama-tied-head-lora", "llama-tied"],
    ["gpt2-head-lora", "gpt2"],
    ["pythia-head-lora", "pythia"],
  ]
) {
  test(`${adapter} generates what it is trained by, and merged into its base is the same model`, async () => {
    const engine = await testEngine();
    const base = await loadModel(engine, openFolder(oracle(`models/${family}`)));
    const alone = await logitsOf(base);
    const model = await loadAdapter(base, openFolder(oracle(`adapters/${adapter}`)));
    expect(await decodingError(model)).toBeLessThan(1e-5);
    const adapted = await logitsOf(model);
    expect(await logitsOf(baseOf(model))).toEqual(alone); // the reference
    expect(adapted).not.toEqual(alone);
    const merged = mergeAdapter(model);
    expect(merged.parameters.base).toBeNull();
    expectClose(await logitsOf(merged), adapted, 1e-5);
    // An adapted head is a weight of its own, beside an embedding that stays.
    const untied = base.config.tied && adapter.includes("head");
    expect(merged.config).toEqual(untied ? { ...base.config, tied: false } : base.config);
    expect(merged.parameters.names)
      .toEqual([...base.parameters.names, ...untied ? ["lm_head.weight"] : []]);
    const saved = await loadModel(engine, memoryFolder("merged", await modelFiles(merged)));
    expect(await logitsOf(saved)).toEqual(await logitsOf(merged));
    for (const { parameters } of [saved, merged, model, base]) parameters.release();
  });
}

test("the head is a target by its name or a pattern, but not of all-linear", async () => {
  const [base, pythia] = [await tinyBase(), await tinyBase("pythia")];
  const adapted = (base: Model, options: object) => {
    const { parameters } = loraModel(base, { ...OPTIONS, ...options }, 1);
    const { adapters } = parameters as LoraParameters;
    const shapes = [...adapters].map(([layer, { a, b }]) => [layer, a.shape, b.shape]);
    parameters.release();
    return shapes;
  };
  const head = ["lm_head", [3, 48], [263, 3]];
  expect(adapted(base, { targets: ["lm_head"] })).toEqual([head]);
  expect(adapted(base, { targets: ".*" }).length).toBe(15);
  expect(adapted(base, { targets: ".*" }).at(-1)).toEqual(head);
  expect(adapted(base, { targets: ".*", exclude: ["lm_head"] }).length).toBe(14);
  expect(adapted(base, { targets: "all-linear" }).length).toBe(14);
  expect(adapted(base, { targets: ["lm_head"], rankPattern: { lm_head: 1 } }))
    .toEqual([["lm_head", [1, 48], [263, 1]]]);
  // Transformers 5 calls it lm_head in memory, transformers 4 as in the checkpoint.
  for (const name of ["lm_head", "embed_out"]) {
    expect(adapted(pythia, { targets: [name] })).toEqual([[name, [3, 48], [259, 3]]]);
    expect(adapted(pythia, { targets: ".*", exclude: [name] }).length).toBe(8);
  }
  for (const { parameters } of [base, pythia]) parameters.release();
});

test("training an adapter leaves the base as it is, to the bit", async () => {
  const base = await tinyBase();
  const before = await bitsOf(base.parameters);
  const model = loraModel(base, { ...OPTIONS, targets: "all-linear" }, 1);
  const data = [{ promptIds: [3, 4], responseIds: [5, 6, 1] }];
  const trainer = new SupervisedTrainer(model, data, {
    steps: 30,
    batchSize: 1,
    microTokens: 100,
    seed: 1,
    schedule: { peak: 3e-2, kind: "linear", warmup: 0 },
    optimizer: defaultAdamW,
  });
  const losses: number[] = [];
  while (trainer.step < trainer.steps) losses.push(Number((await trainer.advance()).loss));
  // The frozen norm and head bound what three tokens can reach.
  expect(losses.at(-1)!).toBeLessThan(losses[0] - 2);
  expect(await bitsOf(base.parameters)).toEqual(before);
  for (const { parameters } of [model, base]) parameters.release();
});

test("several models over one base hold its weights once, and gradients for their own alone", async () => {
  const engine = await newEngine();
  const bytes = () => engine.memory.live;
  const empty = bytes();
  const base = await tinyBase("llama", engine);
  const once = bytes() - empty;
  const policy = loraModel(base, OPTIONS, 1);
  const own = bytes() - empty - once;
  expect(own).toBe(
    16 * policy.parameters.entries.reduce((sum, { shape }) => {
      return sum + 64 * Math.ceil(shape[0] * shape[1] / 64); // views are aligned to 64 numbers
    }, 0),
  );
  const value = copyModel(policy, { score: true }),
    frozen = copyModel(policy, { trainable: false });
  expect(bytes() - empty - once).toBe(2 * own + 16 * 128 + own / 4); // the head is 48 weights and a bias
  expect(value.parameters.get("model.norm.weight")).toBe(base.parameters.get("model.norm.weight"));
  for (const { parameters } of [policy, value, frozen]) parameters.release();
  expect(bytes() - empty).toBe(once);
  engine.destroy();
});

test("a copy of an adapted model has weights of its own over the same base", async () => {
  const base = await tinyBase();
  const model = loraModel(base, OPTIONS, 1);
  stir(model, 1);
  const copy = copyModel(model, { score: true });
  expect(await logitsOf(copy)).toEqual(await logitsOf(model));
  expect(copy.parameters.names).toEqual([...model.parameters.names, SCORE_WEIGHT, "score.bias"]);
  const before = await logitsOf(model);
  stir(copy, 100);
  expect(await logitsOf(model)).toEqual(before);
  expect(await logitsOf(copy)).not.toEqual(before);
  for (const { parameters } of [copy, model, base]) parameters.release();
});

test("a scalar head of the base is copied and trained with the adapter", async () => {
  const base = copyModel(await tinyBase(), { score: true, trainable: false });
  const { engine } = base.parameters;
  const weight = randomNumbers(48, 1);
  engine.write(base.parameters.get(SCORE_WEIGHT), weight);
  const model = loraModel(base, OPTIONS, 1);
  expect(model.parameters.names).toContain(SCORE_WEIGHT);
  expect(await model.parameters.get(SCORE_WEIGHT).read()).toEqual(weight);
  const merged = mergeAdapter(model);
  expect(merged.parameters.names).toEqual(base.parameters.names);
  expect(await merged.parameters.get(SCORE_WEIGHT).read()).toEqual(weight);
  for (const { parameters } of [merged, model, base]) parameters.release();
});

test("ranks and scales follow their patterns and rsLoRA", async () => {
  const base = await tinyBase();
  const scales = (options: object) => {
    const { parameters } = loraModel(base, { ...OPTIONS, ...options }, 1);
    const { adapters } = parameters as LoraParameters;
    const found = [...adapters.values()].map(({ a, scale }) => [a.shape[0], scale]);
    parameters.release();
    return found;
  };
  expect(scales({})).toEqual([[3, 2], [3, 2], [3, 2], [3, 2]]);
  expect(scales({ rankStabilized: true })[0]).toEqual([3, 6 / Math.sqrt(3)]);
  const patterns = { rankPattern: { "layers.1.*": 2 }, alphaPattern: { v_proj: 12 } };
  expect(scales(patterns)).toEqual([[3, 2], [3, 4], [2, 3], [2, 6]]);
  expect(scales({ exclude: ["layers.0.self_attn.q_proj"] }).length).toBe(3);
  base.parameters.release();
});

test("what cannot be adapted is refused by name", async () => {
  const base = await tinyBase();
  const make = (options: object) => () => loraModel(base, { ...OPTIONS, ...options }, 1);
  expect(make({ targets: ["q_proj", "query"] })).toThrow('the LoRA targets ["query"] mean no');
  expect(make({ targets: ["embed_tokens"] })).toThrow(
    "mean no linear layer of this model; those that can be adapted are q_proj, k_proj, v_proj, o_proj, gate_proj, " +
      'up_proj, down_proj, lm_head ("all-linear" means all of them but the output head, lm_head)',
  );
  expect(make({ targets: ".*norm" })).toThrow('the LoRA targets ".*norm" mean no linear layer');
  expect(make({ rank: 2.5 })).toThrow("a LoRA rank is a positive integer, got 2.5");
  expect(make({ rankPattern: { q_proj: 0 } })).toThrow("a positive integer, got 0");
  expect(make({ dropout: 0.1 })).toThrow("training with dropout is not supported");
  const model = loraModel(base, OPTIONS, 1);
  expect(() => loraModel(model, OPTIONS, 1)).toThrow("already carries an adapter: merge it");
  expect(() => mergeAdapter(base)).toThrow("the model carries no adapter");
  await expect(modelFiles(model)).rejects.toThrow("save their adapter (adapterFiles), or merge");
  for (const { parameters } of [model, base]) parameters.release();
});
