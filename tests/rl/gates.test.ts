import { expect, test } from "bun:test";
import { bytesSource } from "../../engine/nn/bytes.ts";
import { openSafetensors } from "../../engine/nn/safetensors.ts";
import type { ShaderName } from "../../engine/gpu/shaders.ts";
import { shaderText } from "../../engine/gpu/shaders.ts";
import { checkDecoding, checkFirstLook, checkMasks, GateError } from "../../engine/rl/gates.ts";
import { PolicyTrainer } from "../../engine/rl/policy-trainer.ts";
import { SupervisedTrainer } from "../../engine/rl/sft.ts";
import { newEngine, testEngine } from "../support/engine.ts";
import { storyteller, tinyModels, tinySettings, tinySources } from "../support/tiny.ts";

/** One update on an engine in which a piece of one shader is replaced; the error it stops with. */
async function updateWithFault(
  shader: ShaderName,
  [from, to]: readonly [string, string],
): Promise<unknown> {
  const engine = await newEngine();
  try {
    const text = shaderText(shader);
    expect(text).toContain(from);
    engine.kernels.replace(shader, text.replaceAll(from, to));
    const trainer = new PolicyTrainer(
      tinyModels(await storyteller(engine)),
      tinySources(8),
      tinySettings,
    );
    return await trainer.advance().catch((error) => error);
  } finally {
    engine.destroy();
  }
}

test("without a fault the gates let an update pass", async () => {
  const metrics = await updateWithFault("ppo", ["struct", "struct"]);
  expect(metrics).not.toBeInstanceOf(Error);
});

test("a ratio that is not 1 before the first update stops the run", async () => {
  const error = await updateWithFault("ppo", ["exp(", "1.01 * exp("]);
  expect(error).toBeInstanceOf(GateError);
  expect(String(error)).toContain("the ratio π/π_old must be 1");
});

test("an approximate KL that is not 0 before the first update stops the run", async () => {
  const error = await updateWithFault("ppo", [
    "0.5 * log_ratio * log_ratio",
    "0.5 * log_ratio * log_ratio + 1e-4",
  ]);
  expect(error).toBeInstanceOf(GateError);
  expect(String(error)).toContain("the approximate KL must be 0");
});

const NAN = "bitcast<f32>(0x7fc00000u | (i & 1u))"; // a constant NaN would not compile
const notFinite = [
  {
    fault: ["sums[0] += max(", `sums[0] += ${NAN} + max(`],
    says: "policy, step 0: policyLoss is NaN (weights and gradients are finite",
  },
  {
    fault: ["sums[0] += 0.5 * max(", `sums[0] += ${NAN} + 0.5 * max(`],
    says: "value, step 0: valueLoss is NaN (weights and gradients are finite",
  },
  {
    fault: ["slope = upstream[0] * free", `slope = upstream[0] * ${NAN} * free`],
    says: /policy, step 0: the gradient is not finite \(first in the gradient of model\.\S+\)/,
  },
  {
    fault: ["slope *= upstream[0]", `slope *= upstream[0] * ${NAN}`],
    says: /value, step 0: the gradient is not finite \(first in the gradient of \S+\)/,
  },
] as const;
for (const { fault, says } of notFinite) {
  test(`an update with ${fault[1]} stops and says: ${says}`, async () => {
    const error = await updateWithFault("ppo", fault);
    expect(error).toBeInstanceOf(GateError);
    expect((error as Error).message).toMatch(says);
    expect((error as Error).message).toContain("checkpoint is good");
  });
}

test("decoding that differs from the training forward stops the run", async () => {
  // Where the adapter computes on the CPU, the cache lies in textures.
  const { software, subgroups } = (await testEngine()).features;
  const error = software && subgroups // there a program decodes
    ? await updateWithFault("row_generation", [
      "return kept_first(row);",
      "return position_of(row);",
    ])
    : await updateWithFault(software ? "attention_texture" : "attention", [
      "positions[sequence] + 1u",
      "positions[sequence]",
    ]);
  expect(error).toBeInstanceOf(GateError);
  expect(String(error)).toContain("decoding with the cache gave log probability");
});

test("a loss that reads outside the generated tokens stops the run", async () => {
  const error = await updateWithFault("ppo", ["== GENERATED", "!= 99u"]);
  expect(error).toBeInstanceOf(GateError);
  expect(String(error)).toContain("outside the generated tokens");
});

test("a reference policy that is not where the policy starts stops the run", async () => {
  const engine = await newEngine();
  const base = await storyteller(engine);
  const models = tinyModels(base);
  const norm = models.policy.parameters.get("model.norm.weight");
  engine.write(norm, (await norm.read()).map((x) => 1.2 * x));
  const trainer = new PolicyTrainer(models, tinySources(8), tinySettings);
  await expect(trainer.advance()).rejects.toThrow("the KL to the reference policy must be 0");
  engine.destroy();
});

test("a gradient that is not finite names the step and the tensor, and leaves the weights", async () => {
  const engine = await newEngine();
  const model = await storyteller(engine);
  const data = tinySources(8).map((row) => ({ ...row, responseIds: row.referenceIds }));
  const { schedule, optimizer, microTokens, seed } = tinySettings;
  const trainer = new SupervisedTrainer(model, data, {
    steps: 5,
    batchSize: 4,
    schedule,
    optimizer,
    microTokens,
    seed,
  });
  await trainer.advance();
  const before = await trainer.save();
  // A fault in backward alone: the loss stays finite.
  const text = shaderText("swiglu");
  expect(text).toContain("up_gradient[i] =");
  engine.kernels.replace(
    "swiglu",
    text.replace("up_gradient[i] =", "up_gradient[i] = bitcast<f32>(0x7fc00000u | (i & 1u)) +"),
  );
  const error = await trainer.advance().catch((error) => error);
  expect(error).toBeInstanceOf(GateError);
  expect(String(error)).toMatch(
    /SFT, step 1: the gradient is not finite \(first in the gradient of model\./,
  );
  expect(String(error)).toContain("checkpoint is good");
  // The optimizer's own state counts the skip; weights and moments are the same.
  const after = await trainer.save();
  const tensors = async (state: Uint8Array) => {
    const file = await openSafetensors(bytesSource("state", state));
    const kept = file.names.filter((name) => !name.endsWith("optimizer"));
    return Promise.all(kept.map((name) => file.tensor(name).toFloat32()));
  };
  expect(await tensors(after)).toEqual(await tensors(before));
  engine.destroy();
});

test("a loss that is not finite names the step and leaves the weights", async () => {
  const engine = await newEngine();
  const model = await storyteller(engine);
  const data = tinySources(8).map((row) => ({ ...row, responseIds: row.referenceIds }));
  const { schedule, optimizer, microTokens, seed } = tinySettings;
  const settings = { steps: 5, batchSize: 4, schedule, optimizer, microTokens, seed };
  const trainer = new SupervisedTrainer(model, data, settings);
  const weights = await model.parameters.shards[0].weights.read();
  const text = shaderText("logprob");
  const [from, to] = [
    "log_prob[position] = ",
    "log_prob[position] = bitcast<f32>(0x7fc00000u | (position & 1u)) + ",
  ];
  expect(text).toContain(from);
  engine.kernels.replace("logprob", text.replace(from, to));
  const error = await trainer.advance().catch((error) => error);
  expect(error).toBeInstanceOf(GateError);
  expect(String(error)).toContain("SFT, step 0: loss is NaN (weights and gradients are finite");
  expect(await model.parameters.shards[0].weights.read()).toEqual(weights);
  const norm = model.parameters.get("model.layers.1.input_layernorm.weight");
  engine.write(norm, (await norm.read()).fill(NaN));
  await expect(trainer.advance()).rejects.toThrow(
    "SFT, step 0: loss is NaN (first in the weight of model.layers.1.input_layernorm.weight)",
  );
  engine.destroy();
});

test("the gates' own limits", () => {
  const good = { ratio: 1, ratioDeviation: 1e-5, approximateKl: 1e-9, kl: 1e-6 };
  expect(() => checkFirstLook(good)).not.toThrow();
  expect(() => checkFirstLook({ ...good, ratioDeviation: 0.01 })).toThrow("ratio");
  expect(() => checkFirstLook({ ...good, approximateKl: 1e-5 })).toThrow("approximate KL");
  expect(() => checkFirstLook({ ...good, approximateKl: NaN })).toThrow("approximate KL");
  expect(() => checkFirstLook({ ...good, kl: -0.01 })).toThrow("reference");
  expect(() => checkDecoding([-1, -2], [-1, -2.0001])).not.toThrow();
  expect(() => checkDecoding([-1, -2], [-1, -2.1])).toThrow("generated token 1");
  expect(() => checkMasks("losses", Float32Array.of(0, 1), Float32Array.of(0, 1))).not.toThrow();
  expect(() => checkMasks("losses", Float32Array.of(0, 1), Float32Array.of(-0, 1))).toThrow(
    "element 0",
  );
});
