import { expect, test } from "bun:test";
import { adapterOf, loraModel } from "../../engine/nn/adapter.ts";
import type { Folder } from "../../engine/nn/bytes.ts";
import {
  copyModel,
  loadModel,
  logits,
  type Model,
  packPredictions,
  SCORE_WEIGHT,
} from "../../engine/nn/model.ts";
import { adapterFiles, loadAdapter } from "../../engine/nn/peft.ts";
import { adapterBase } from "../../engine/nn/peft-config.ts";
import {
  openSafetensors,
  type TensorEntry,
  writeSafetensors,
} from "../../engine/nn/safetensors.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { checkAdapter } from "../../scripts/lib/adapter-check.ts";
import { randomNumbers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";
import { oracle } from "../support/shared.ts";
import { memoryFolder } from "../support/memory-folder.ts";

const BASES = {
  "llama-lora": "llama",
  "gpt2-lora": "gpt2",
  "pythia-lora": "pythia",
  "llama-tied-head-lora": "llama-tied",
  "gpt2-head-lora": "gpt2",
  "pythia-head-lora": "pythia",
};
/** PEFT writes it with an adapted head. It is the base's, and not written here. */
const FROZEN_HEAD = "base_model.model.lm_head.base_layer.weight";
const LLAMA = openFolder(oracle("adapters/llama-lora"));

async function baseModel(name = "llama"): Promise<Model> {
  const folder = openFolder(oracle(`models/${name}`));
  return await loadModel(await testEngine(), folder, { trainable: false });
}

/** The Llama adapter, or another, in memory, with some of its config and its tensors changed. */
async function changed(
  config: Record<string, unknown>,
  change: (tensors: TensorEntry[]) => TensorEntry[] = (tensors) => tensors,
  source = LLAMA,
): Promise<Folder> {
  const stored = await openSafetensors(await source.open("adapter_model.safetensors"));
  const tensors = await Promise.all(stored.names.map(async (name) => {
    const { shape, toFloat32 } = stored.tensor(name);
    return { name, shape, data: await toFloat32() };
  }));
  const json = { ...JSON.parse(await source.text("adapter_config.json")), ...config };
  return memoryFolder(
    "changed",
    new Map([
      ["adapter_config.json", new TextEncoder().encode(JSON.stringify(json))],
      ["adapter_model.safetensors", writeSafetensors(change(tensors))],
    ]),
  );
}

/** What the adapter's tensors are called where it is saved. */
async function savedNames(model: Model): Promise<readonly string[]> {
  const folder = memoryFolder("written", await adapterFiles(model, null));
  return (await openSafetensors(await folder.open("adapter_model.safetensors"))).names;
}

async function expectSame(again: Model, model: Model): Promise<void> {
  expect(again.parameters.names).toEqual(model.parameters.names);
  for (const name of model.parameters.names) {
    expect(await again.parameters.get(name).read()).toEqual(
      await model.parameters.get(name).read(),
    );
  }
}

for (const [name, base] of Object.entries(BASES)) {
  test(`the oracle adapter ${name} holds: logits, loss, every gradient`, async () => {
    const [adapter, model] = [`adapters/${name}`, `models/${base}`].map((path) =>
      openFolder(oracle(path))
    );
    const checks = await checkAdapter(await testEngine(), adapter, model);
    expect(checks.filter(({ error, tolerance }) => error > tolerance)).toEqual([]);
    expect(checks.map(({ group }) => group)).toEqual(["logits", "loss", "gradients"]);
  });

  test(`the adapter ${name} is written as it was read, to the bit`, async () => {
    const source = openFolder(oracle(`adapters/${name}`));
    const over = await baseModel(base);
    const model = await loadAdapter(over, source);
    const files = await adapterFiles(model, `../../models/${base}`);
    const read = async (folder: Folder) => {
      const file = await openSafetensors(await folder.open("adapter_model.safetensors"));
      return new Map(
        await Promise.all(
          file.names.filter((name) => name !== FROZEN_HEAD).map(async (tensor) => {
            const { shape, toFloat32 } = file.tensor(tensor);
            return [tensor, { shape, data: await toFloat32() }] as const;
          }),
        ),
      );
    };
    const written = memoryFolder("written", files);
    expect(await read(written)).toEqual(await read(source));
    const original = JSON.parse(await source.text("adapter_config.json"));
    const config = JSON.parse(await written.text("adapter_config.json"));
    for (const key of Object.keys(config)) expect([key, config[key]]).toEqual([key, original[key]]);
    for (const { parameters } of [model, over]) parameters.release();
  });
}

test("an adapter with a scalar head, patterns and rsLoRA loads to the same bits and scales", async () => {
  const base = await baseModel();
  const options = {
    rank: 3,
    alpha: 5,
    targets: ".*(q_proj|down_proj)",
    exclude: ["layers.0.mlp.down_proj"],
    rankStabilized: true,
    rankPattern: { "layers.1.*": 2 },
    alphaPattern: { q_proj: 7 },
  };
  const plain = loraModel(base, options, 1);
  const model = copyModel(plain, { score: true });
  const { engine } = model.parameters;
  let seed = 1;
  for (const { name, shape } of model.parameters.entries) {
    engine.write(
      model.parameters.get(name),
      randomNumbers(shape.reduce((a, b) => a * b, 1), seed++),
    );
  }
  const folder = memoryFolder("written", await adapterFiles(model, "hub/base"));
  expect(await adapterBase(folder)).toEqual({ name: "hub/base", revision: null });
  const again = await loadAdapter(base, folder);
  await expectSame(again, model);
  expect(adapterOf(again).lora).toEqual(adapterOf(model).lora);
  const scales = (m: Model) =>
    [...adapterOf(m).adapters].map(([layer, { scale }]) => [layer, scale]);
  expect(scales(again)).toEqual(scales(model));
  const json = JSON.parse(await folder.text("adapter_config.json"));
  expect([json.task_type, json.modules_to_save]).toEqual(["SEQ_CLS", ["score"]]);
  for (const { parameters } of [plain, model, again, base]) parameters.release();
});

test("a classifier's head without a bias loads with bias 0, whole modules replace the base's", async () => {
  const base = await baseModel();
  const head = {
    name: "base_model.model.score.weight",
    shape: [1, 48],
    data: randomNumbers(48, 1),
  };
  const shape = base.parameters.get("lm_head.weight").shape;
  const data = randomNumbers(shape[0] * shape[1], 2);
  const folder = await changed(
    // What PEFT lists for every classifier, whether the model has such a module or not.
    { task_type: "SEQ_CLS", modules_to_save: ["lm_head", "classifier", "score"] },
    (tensors) => [...tensors, head, { name: "base_model.model.lm_head.weight", shape, data }],
  );
  const { parameters } = await loadAdapter(base, folder);
  expect(await parameters.get(SCORE_WEIGHT).read()).toEqual(head.data);
  expect(await parameters.get("score.bias").read()).toEqual(Float32Array.of(0));
  expect(await parameters.get("lm_head.weight").read()).toEqual(data);
  expect(await base.parameters.get("lm_head.weight").read()).not.toEqual(data);
  for (const owner of [parameters, base.parameters]) owner.release();
});

test("the head of Pythia may have the name that transformers 4 gives it", async () => {
  const base = await baseModel("pythia");
  const source = openFolder(oracle("adapters/pythia-head-lora"));
  const named = await changed(
    { target_modules: ".*(dense|embed_out)" },
    (tensors) =>
      tensors.map((tensor) => ({ ...tensor, name: tensor.name.replace("lm_head", "embed_out") })),
    source,
  );
  const [model, again] = [await loadAdapter(base, source), await loadAdapter(base, named)];
  const { engine } = base.parameters;
  const batch = packPredictions(engine, [[3, 5, 9]], [[1, 3]]);
  const [expected, found] = [model, again].map((one) => engine.scope(() => logits(one, batch)));
  expect(await found.read()).toEqual(await expected.read());
  expect(await savedNames(again)).toContain("base_model.model.embed_out.lora_A.weight");
  for (const { parameters } of [model, again, base]) parameters.release();
});

const REFUSED: [option: string, value: unknown][] = [
  ["peft_type", "IA3"],
  ["task_type", "SEQ_2_SEQ_LM"],
  ["use_dora", true],
  ["use_qalora", true],
  ["lora_bias", true],
  ["bias", "all"],
  ["init_lora_weights", "pissa"],
  ["layers_to_transform", [0]],
  ["layer_replication", [[0, 1]]],
  ["trainable_token_indices", [5]],
  ["target_parameters", ["mlp.experts"]],
  ["alora_invocation_tokens", [1]],
  ["an_option_of_tomorrow", 3],
  ["r", 0],
];

for (const [option, value] of REFUSED) {
  test(`the option ${option} = ${JSON.stringify(value)} is refused by name`, async () => {
    const base = await baseModel();
    const folder = await changed({ [option]: value });
    await expect(loadAdapter(base, folder)).rejects.toThrow(option);
    base.parameters.release();
  });
}

test("dropout acts in training alone: such an adapter loads frozen", async () => {
  const base = await baseModel();
  const folder = await changed({ lora_dropout: 0.05 });
  await expect(loadAdapter(base, folder)).rejects.toThrow("set lora_dropout to 0");
  const { parameters } = await loadAdapter(base, folder, { trainable: false });
  expect(() => parameters.another(parameters.entries, true)).toThrow("dropout 0.05");
  for (const owner of [parameters, base.parameters]) owner.release();
});

const QUERY_A = "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight";
const HEAD = "base_model.model.lm_head";
const FAULTS: [what: string, folder: () => Promise<Folder>, message: string][] = [
  [
    "a missing tensor",
    () => changed({}, (tensors) => tensors.filter(({ name }) => name !== QUERY_A)),
    `holds no tensor ${QUERY_A}`,
  ],
  [
    "a tensor of a layer that is no target",
    () => changed({ target_modules: ["v_proj"] }),
    "has no place for: base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
  ],
  [
    "a target without tensors",
    () => changed({ target_modules: ["q_proj", "v_proj", "o_proj"] }),
    "holds no tensor base_model.model.model.layers.0.self_attn.o_proj",
  ],
  [
    "another rank than the tensors'",
    () => changed({ r: 3 }),
    "has shape [4, 48], but adapter_config.json over the base model means [3, 48]",
  ],
  [
    "a frozen head that is not the base's",
    () =>
      changed({ target_modules: ["q_proj", "v_proj", "lm_head"] }, (tensors) => [
        ...tensors,
        { name: `${HEAD}.lora_A.weight`, shape: [4, 48], data: new Float32Array(4 * 48) },
        { name: `${HEAD}.lora_B.weight`, shape: [263, 4], data: new Float32Array(263 * 4) },
        { name: FROZEN_HEAD, shape: [263, 48], data: new Float32Array(263 * 48) },
      ]),
    "lm_head.base_layer.weight is not the base model's lm_head.weight",
  ],
  [
    "a module to save without tensors",
    () => changed({ modules_to_save: ["lm_head"] }),
    "holds no tensor base_model.model.lm_head.weight",
  ],
];

for (const [what, folder, message] of FAULTS) {
  test(`${what} is refused by name, and nothing is left behind`, async () => {
    const base = await baseModel();
    const { live } = base.parameters.engine.memory;
    await expect(loadAdapter(base, await folder())).rejects.toThrow(message);
    expect(base.parameters.engine.memory.live).toBe(live);
    base.parameters.release();
  });
}

test("a tied embedding cannot be replaced, a folder without safetensors not be read", async () => {
  const tied = await baseModel("llama-tied");
  const folder = await changed({ modules_to_save: ["embed_tokens"] });
  await expect(loadAdapter(tied, folder)).rejects.toThrow("tied embeddings");
  const bare = { ...folder, list: () => Promise.resolve(["adapter_config.json"]) };
  await expect(loadAdapter(await baseModel(), bare)).rejects.toThrow(
    "holds no adapter_model.safetensors; save the adapter",
  );
});
