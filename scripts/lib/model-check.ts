import type { Engine } from "../../engine/gpu/engine.ts";
import { type Folder, readJson } from "../../engine/nn/bytes.ts";
import { checkpointName } from "../../engine/nn/checkpoint.ts";
import { generate } from "../../engine/nn/generation.ts";
import {
  loadModel,
  logits,
  logProbabilities,
  type Model,
  packPredictions,
  type PredictionBatch,
} from "../../engine/nn/model.ts";
import { AdamW, type AdamWSettings, defaultAdamW } from "../../engine/nn/optimizer.ts";
import { openSafetensors, type TensorFile } from "../../engine/nn/safetensors.ts";
import { loadTokenizer } from "../../engine/nn/tokenizer.ts";
import { average } from "../../engine/rl/statistics.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { z } from "zod";
import { type Check, Groups, TOLERANCE } from "./check-groups.ts";

export type { Check };

/** Compares a model folder with the `expected.safetensors` or `expected.json` in it. */
export async function checkModel(engine: Engine, folder: Folder): Promise<Check[]> {
  const files = await folder.list();
  const model = await loadModel(engine, folder);
  if (files.includes("expected.safetensors")) {
    return checkTensors(model, await openSafetensors(await folder.open("expected.safetensors")));
  }
  if (files.includes("expected.json")) return checkAnswers(model, folder);
  throw new Error(
    `${folder.name} holds neither expected.safetensors nor expected.json to compare with`,
  );
}

async function checkTensors(model: Model, expected: TensorFile): Promise<Check[]> {
  const groups = new Groups();
  const read = async (name: string) => await expected.tensor(name).toFloat32();
  const inputs = await readInputs(model.parameters.engine, expected);
  const { batch, padded } = inputs;
  await addLogits(groups, model, inputs, expected);

  const recorded = await read("logprobs");
  const wantedLogProbs = inputs.places.flatMap((places, b) =>
    places.slice(1).map((t) => recorded[b * (padded - 1) + t - 1])
  );
  const { loss, logProbs } = await lossAndGradients(model, batch);
  groups.add("log probabilities", "logprobs", logProbs, wantedLogProbs, TOLERANCE.logits);
  groups.add("loss", "loss", [loss], await read("loss"), TOLERANCE.losses);

  const gradients = expected.names.filter((name) => name.startsWith("grad."));
  const recordedAs = new Map(
    gradients.map((name) => [checkpointName(model.config, name.slice("grad.".length)), name]),
  );
  await addGradients(groups, model, recordedAs, expected);
  groups.add(
    "AdamW losses",
    "adamw_losses",
    await adamwLosses(model, batch, expected),
    await read("adamw_losses"),
    TOLERANCE.losses,
  );

  const known = [
    "input_ids",
    "attention_mask",
    "position_ids",
    "logits",
    "logprobs",
    "loss",
    "adamw_losses",
  ];
  for (const name of expected.names) {
    if (!known.includes(name) && !name.startsWith("grad.")) {
      groups.add("unknown tensors", name, [], [NaN], 0);
    }
  }
  return groups.all;
}

/** What a model was recorded on: rows of one padded length, and where the real tokens of each stand. */
export interface Inputs {
  batch: PredictionBatch;
  padded: number;
  places: number[][];
}

/** The inputs in an `expected.safetensors`. */
export async function readInputs(engine: Engine, file: TensorFile): Promise<Inputs> {
  const ids = await file.tensor("input_ids").toFloat32();
  const mask = await file.tensor("attention_mask").toFloat32();
  const [count, padded] = file.tensor("input_ids").shape;
  const places = Array.from(
    { length: count },
    (_, b) => Array.from({ length: padded }, (_, t) => t).filter((t) => mask[b * padded + t] === 1),
  );
  const sequences = places.map((row, b) => row.map((t) => ids[b * padded + t]));
  const batch = packPredictions(engine, sequences, sequences.map((s) => [1, s.length]));
  return { batch, padded, places };
}

/** Compares the logits of all real tokens. */
export async function addLogits(
  groups: Groups,
  model: Model,
  { batch, padded, places }: Inputs,
  expected: TensorFile,
): Promise<void> {
  const { config: { vocabulary }, parameters: { engine } } = model;
  const all = await expected.tensor("logits").toFloat32();
  const wanted = places.flatMap((row, b) =>
    row.flatMap((t) => {
      const start = (b * padded + t) * vocabulary;
      return [...all.subarray(start, start + vocabulary)];
    })
  );
  const found = await engine.scope(() => logits(model, batch)).read();
  groups.add("logits", "logits", found, wanted, TOLERANCE.logits);
}

/** Compares the gradients of all weights; `recordedAs` gives the name of each in the file. */
export async function addGradients(
  groups: Groups,
  { parameters }: Model,
  recordedAs: ReadonlyMap<string, string>,
  expected: TensorFile,
): Promise<void> {
  for (const weight of new Set([...recordedAs.keys(), ...parameters.names])) {
    const known = parameters.names.includes(weight), name = recordedAs.get(weight);
    const ours = known ? await parameters.gradient(weight).read() : [];
    const theirs = name === undefined ? [NaN] : await expected.tensor(name).toFloat32();
    groups.add("gradients", weight, ours, theirs, TOLERANCE.gradients);
  }
}

/** Mean negative log-likelihood of all next tokens; its gradients are added to the parameters'. */
export async function lossAndGradients(
  model: Model,
  batch: PredictionBatch,
): Promise<{ loss: number; logProbs: Float32Array }> {
  const { engine } = model.parameters;
  const logProb = engine.scope(() => {
    const tape = new Tape();
    model.parameters.watch(tape);
    const { logProb } = engine.record(tape, () => logProbabilities(model, batch));
    const { predictions } = batch;
    tape.backward(logProb, engine.tensor(new Float32Array(predictions).fill(-1 / predictions)));
    return logProb;
  });
  const logProbs = await logProb.read();
  engine.release(logProb);
  return { loss: -average(logProbs), logProbs };
}

async function adamwLosses(
  model: Model,
  batch: PredictionBatch,
  expected: TensorFile,
): Promise<number[]> {
  const { learningRate, settings } = recordedOptimizer(expected.metadata["optimizer"] ?? "");
  const optimizer = new AdamW(model.parameters, settings);
  const losses: number[] = [];
  for (let step = 0; step < 10; step++) {
    model.parameters.clearGradients();
    losses.push((await lossAndGradients(model, batch)).loss);
    optimizer.step(learningRate);
  }
  return losses;
}

/** Reads "AdamW lr 1e-3 betas .9 .95 eps 1e-8 weight decay .1 on every parameter, clip to global norm 1". */
function recordedOptimizer(text: string): { learningRate: number; settings: AdamWSettings } {
  const found = text.match(
    /^AdamW lr (\S+) betas (\S+) (\S+) eps (\S+) weight decay (\S+) on every parameter, clip to global norm (\S+)$/,
  );
  if (!found) {
    throw new Error(
      `the metadata "optimizer" of expected.safetensors is not understood: "${text}"`,
    );
  }
  const [learningRate, beta1, beta2, epsilon, weightDecay, maxNorm] = found.slice(1).map(Number);
  return {
    learningRate,
    settings: { ...defaultAdamW, beta1, beta2, epsilon, weightDecay, maxNorm },
  };
}

const answersSchema = z.strictObject({
  greedy_from_bos_ids: z.array(z.int()),
  greedy_text: z.string(),
  encode: z.record(z.string(), z.array(z.int())),
  scored_ids: z.array(z.int()),
  scored_log_probs: z.array(z.number()),
});

async function checkAnswers(model: Model, folder: Folder): Promise<Check[]> {
  const groups = new Groups();
  const { engine } = model.parameters;
  const expected = answersSchema.parse(await readJson(folder, "expected.json"));
  const tokenizer = await loadTokenizer(folder);
  for (const [text, ids] of Object.entries(expected.encode)) {
    groups.add(
      "encodings",
      JSON.stringify(text.slice(0, 30)),
      tokenizer.encode(text),
      ids,
      TOLERANCE.exact,
    );
  }

  const ids = expected.scored_ids;
  const logProb = engine.scope(() =>
    logProbabilities(model, packPredictions(engine, [ids], [[1, ids.length]])).logProb
  );
  groups.add(
    "log probabilities",
    "scored_log_probs",
    await logProb.read(),
    expected.scored_log_probs,
    TOLERANCE.logits,
  );
  engine.release(logProb);

  const [first, ...rest] = expected.greedy_from_bos_ids;
  const request = { context: [first], newTokens: rest.length, episode: 0 };
  const options = { temperature: 0, seed: 0, endTokens: model.config.endTokens };
  const [{ tokens }] = await generate(model, [request], options);
  groups.add("greedy tokens", "greedy_from_bos_ids", tokens, rest, TOLERANCE.exact);
  const same = tokenizer.decode([first, ...tokens]).trim() === expected.greedy_text.trim();
  groups.add("greedy text", "greedy_text", [Number(same)], [1], TOLERANCE.exact);
  return groups.all;
}
