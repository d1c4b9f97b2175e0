// The language model's works in Homeport.
import type { Engine } from "../../engine/gpu/engine.ts";
import { packBatch } from "../../engine/nn/batch.ts";
import { forward } from "../../engine/nn/decoder.ts";
import { headLogProbabilities } from "../../engine/nn/head.ts";
import { generate } from "../../engine/nn/generation.ts";
import type { Model } from "../../engine/nn/model.ts";
import { AdamW } from "../../engine/nn/optimizer.ts";
import { average } from "../../engine/rl/statistics.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import type { Tensor } from "../../engine/tensor/tensor.ts";
import type { Runner } from "./contender.ts";
import { CHECKED_STEPS, gpt, gptTexts, newGpt } from "./gpt.ts";
import { type Generation, tokenIds, type Training } from "./works.ts";

export function prepareForward(engine: Engine, work: Training): Runner {
  const model = newGpt(engine), texts = textsOf(work);
  const launch = () => engine.scope(() => logProbabilities(model, texts));
  return {
    run: () => engine.release(launch()),
    finish: () => finish(model),
    results: async () => [await meanLoss(launch())],
    release: () => model.parameters.release(),
  };
}

/** With packing the batch and uploading it, as in any training step. */
export function prepareTraining(engine: Engine, work: Training): Runner {
  const model = newGpt(engine), { parameters } = model, texts = textsOf(work);
  const { learningRate, beta1, beta2, epsilon, weightDecay } = gpt;
  const settings = { beta1, beta2, epsilon, weightDecay, maxNorm: Infinity };
  const optimizer = new AdamW(parameters, { ...settings, epsilonPlacement: "torch" });
  const step = () => {
    parameters.clearGradients();
    const logProb = engine.scope(() => {
      const tape = new Tape();
      parameters.watch(tape);
      const logProb = engine.record(tape, () => logProbabilities(model, texts));
      tape.backward(logProb, engine.tensor(new Float32Array(logProb.size).fill(-1 / logProb.size)));
      return logProb;
    });
    optimizer.step(learningRate);
    return logProb;
  };
  return {
    run: () => engine.release(step()),
    finish: () => finish(model),
    async results() {
      const losses = [];
      for (let i = 0; i < CHECKED_STEPS; i++) losses.push(await meanLoss(step()));
      return losses;
    },
    release() {
      optimizer.release();
      parameters.release();
    },
  };
}

export function prepareGeneration(engine: Engine, work: Generation): Runner {
  const model = newGpt(engine), { sequences, prompt, newTokens } = work;
  const ids = tokenIds(sequences, prompt, gpt.vocabulary);
  const requests = Array.from({ length: sequences }, (_, episode) => {
    return {
      context: [...ids.subarray(episode * prompt, (episode + 1) * prompt)],
      newTokens,
      episode,
    };
  });
  return {
    async run() {
      await generate(model, requests, { temperature: 1, seed: 1, endTokens: [] });
    },
    finish: () => Promise.resolve(), // `run` has read what was drawn
    results: () => Promise.resolve([]), // draws differ from library to library
    release: () => model.parameters.release(),
  };
}

interface Texts {
  inputs: Int32Array[];
  targets: Uint32Array;
}

function textsOf(work: Training): Texts {
  const { sequences, length } = work, { inputs, targets } = gptTexts(work);
  const row = (b: number) => inputs.subarray(b * length, (b + 1) * length);
  return {
    inputs: Array.from({ length: sequences }, (_, b) => row(b)),
    targets: Uint32Array.from(targets),
  };
}

function logProbabilities({ config, parameters }: Model, { inputs, targets }: Texts): Tensor {
  const { engine } = parameters;
  const hidden = forward(config, parameters, packBatch(engine, inputs));
  return headLogProbabilities(config, parameters, hidden, engine.integers(targets)).logProb;
}

async function meanLoss(logProb: Tensor): Promise<Float32Array> {
  const values = await logProb.read();
  logProb.engine.release(logProb);
  return Float32Array.of(-average(values));
}

async function finish({ parameters }: Model): Promise<void> {
  await parameters.get("transformer.ln_f.bias").read();
}
