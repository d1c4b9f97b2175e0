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
import { Tape } from "../../engine/tensor/tape.ts";
import { z } from "zod";

/** The worst tensor of a group: error is max|a − b| / max|b|. */
export interface Check {
  group: string;
  worst: string;
  error: number;
  tolerance: number;
  /** Tensors, or answers, compared. */
  count: number;
}

const TOLERANCE = { logits: 1e-4, gradients: 2e-3, losses: 1e-4, exact: 0 };

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

class Groups {
  #checks = new Map<string, Check>();

  add(
    group: string,
    name: string,
    actual: ArrayLike<number>,
    expected: ArrayLike<number>,
    tolerance: number,
  ): void {
    const error = actual.length === expected.length ? relativeError(actual, expected) : Infinity;
    const check = this.#checks.get(group);
    const count = (check?.count ?? 0) + 1;
    if (!check || error > check.error) {
      this.#checks.set(group, { group, worst: name, error, tolerance, count });
    } else check.count = count;
  }

  get all(): Check[] {
    return [...this.#checks.values()];
  }
}

function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0, largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(actual[i] - expected[i]);
    difference = d > difference || Number.isNaN(d) ? (Number.isNaN(d) ? Infinity : d) : difference;
    largest = Math.max(largest, Math.abs(expected[i]));
  }
  return largest > 0 ? difference / largest : difference;
}

async function checkTensors(model: Model, expected: TensorFile): Promise<Check[]> {
  const groups = new Groups();
  const { engine } = model.parameters;
  const read = async (name: string) => await expected.tensor(name).toFloat32();
  const [count, padded] = expected.tensor("input_ids").shape;
  const [ids, mask] = [await read("input_ids"), await read("attention_mask")];
  const real = Array.from(
    { length: count },
    (_, b) => Array.from({ length: padded }, (_, t) => t).filter((t) => mask[b * padded + t] === 1),
  );
  const sequences = real.map((places, b) => places.map((t) => ids[b * padded + t]));
  const batch = packPredictions(engine, sequences, sequences.map((s) => [1, s.length]));

  const { vocabulary } = model.config;
  const all = await read("logits");
  const wanted = real.flatMap((places, b) =>
    places.flatMap((
      t,
    ) => [...all.subarray((b * padded + t) * vocabulary, (b * padded + t + 1) * vocabulary)])
  );
  groups.add(
    "logits",
    "logits",
    await engine.scope(() => logits(model, batch)).read(),
    wanted,
    TOLERANCE.logits,
  );

  const recorded = await read("logprobs");
  const wantedLogProbs = real.flatMap((places, b) =>
    places.slice(1).map((t) => recorded[b * (padded - 1) + t - 1])
  );
  const { loss, logProbs } = await lossAndGradients(model, batch);
  groups.add("log probabilities", "logprobs", logProbs, wantedLogProbs, TOLERANCE.logits);
  groups.add("loss", "loss", [loss], await read("loss"), TOLERANCE.losses);

  const gradients = expected.names.filter((name) => name.startsWith("grad."));
  const recordedAs = new Map(
    gradients.map((name) => [checkpointName(model.config, name.slice("grad.".length)), name]),
  );
  for (const weight of new Set([...recordedAs.keys(), ...model.parameters.names])) {
    const ours = model.parameters.has(weight) ? await model.parameters.gradient(weight).read() : [];
    const name = recordedAs.get(weight);
    const theirs = name === undefined ? [NaN] : await read(name);
    groups.add("gradients", weight, ours, theirs, TOLERANCE.gradients);
  }
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

/** Mean negative log-likelihood of all next tokens; its gradients are added to the parameters'. */
async function lossAndGradients(
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
  return { loss: -logProbs.reduce((sum, value) => sum + value, 0) / batch.predictions, logProbs };
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
