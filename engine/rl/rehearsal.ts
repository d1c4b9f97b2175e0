// What memory training will take, told by going through it with rows of the real lengths on an engine that only
// counts. So the plan knows every family, op and kernel that there is, and there is no formula to keep in step.
import type { Engine } from "../gpu/engine.ts";
import { newCache } from "../nn/decoder.ts";
import { generate, type GenerationRequest } from "../nn/generation.ts";
import { LoraParameters } from "../nn/lora.ts";
import type { Model } from "../nn/model.ts";
import { Parameters } from "../tensor/parameters.ts";
import { clippedGradients } from "./clipped-update.ts";
import { type Episode, paddedLength, rollOutRequests } from "./episodes.ts";
import { type Models, scoreEpisodes } from "./experience.ts";
import { BatchOrder } from "./order.ts";
import type { PolicySettings } from "./policy-trainer.ts";
import { drawStarts, type ResetSource, type Start } from "./resets.ts";

/** Bytes of device memory that one phase of a run takes, the models of the phases before it included. */
export interface PhaseMemory {
  phase: string;
  /** Of all models. */
  weights: number;
  /** Gradients and AdamW's two moments of what is or was trained. */
  optimizer: number;
  /** Activations, logits and upstream gradients at their most. */
  training: number;
  /** Keys and values while responses are generated; part of `generation`. */
  cache: number;
  /** What generating responses takes in all. */
  generation: number;
  /** What is needed at once: training and generation take turns. */
  peak: number;
}

/** What a phase does. */
export interface PhaseWork {
  phase: string;
  /** The models that are alive, those of earlier phases left out. */
  models: readonly Model[];
  train(): Promise<unknown>;
  /** The batches of responses that `generator` writes. */
  generator?: Model;
  requests?: readonly (readonly GenerationRequest[])[];
}

/** Phases of a run, gone through one after the other without computing anything. */
export class Rehearsal {
  readonly phases: PhaseMemory[] = [];
  #engine: Engine;
  #counterparts = new Map<Parameters, Parameters>();
  #alive = new Set<Parameters>();

  /** @param engine the one that the run will compute on */
  constructor(engine: Engine) {
    this.#engine = engine.rehearsal();
  }

  /** The counterpart of a model; models that share weights share them here too. */
  model({ config, parameters }: Model): Model {
    return { config, parameters: this.#counterpart(parameters) };
  }

  /** Goes through a phase. Throws what the engine throws where a tensor is beyond what the device can hold. */
  async run({ phase, models, train, generator, requests = [] }: PhaseWork): Promise<void> {
    for (const model of models) this.keep(model);
    const { live } = this.#engine.memory;
    let weights = 0;
    for (const { shards } of this.#alive) {
      for (const shard of shards) weights += shard.weights.bytes;
    }
    const training = await this.#peakOf(train);
    let generation = 0, cache = 0;
    for (const batch of generator ? requests : []) {
      const options = { temperature: 1, seed: 0, endTokens: generator!.config.endTokens };
      const needed = await this.#peakOf(() => generate(generator!, batch, options));
      if (needed > generation) [generation, cache] = [needed, this.#cacheOf(generator!, batch)];
    }
    const peak = live + Math.max(training, generation);
    const optimizer = live - weights;
    this.phases.push({ phase, weights, optimizer, training, cache, generation, peak });
  }

  /** Counts a model among those that are alive. */
  keep({ parameters }: Model): void {
    for (let own: Parameters | null = parameters; own; own = own.base) this.#alive.add(own);
  }

  /** Counts a model no more: its storage has been released. */
  forget({ parameters }: Model): void {
    this.#alive.delete(parameters);
  }

  async #peakOf(work: () => Promise<unknown>): Promise<number> {
    const { live } = this.#engine.memory;
    this.#engine.resetPeak();
    await work();
    return this.#engine.memory.peakLive - live;
  }

  #cacheOf({ config, parameters }: Model, requests: readonly GenerationRequest[]): number {
    const capacity = Math.max(
      ...requests.map(({ context, newTokens }) => context.length + newTokens),
    );
    return this.#engine.scope(() => {
      const { live } = this.#engine.memory;
      newCache(config, parameters, [requests.length, capacity]);
      return this.#engine.memory.live - live;
    });
  }

  #counterpart(parameters: Parameters): Parameters {
    const known = this.#counterparts.get(parameters);
    if (known) return known;
    const { entries, trainable } = parameters;
    const base = parameters.base && this.#counterpart(parameters.base);
    const counterpart = parameters instanceof LoraParameters
      ? new LoraParameters(base!, parameters.lora, entries, trainable)
      : new Parameters(this.#engine, entries, trainable, base);
    this.#counterparts.set(parameters, counterpart);
    return counterpart;
  }
}

/**
 * A micro-batch that takes at least what any of `batchSize` rows may take, and at most the shortest row more:
 * the longest rows that fit together, and one to close the gap. It is to be trained on as a whole.
 */
export function fullestMicroBatch<Row>(
  rows: readonly Row[],
  lengthOf: (row: Row) => number,
  { microTokens, batchSize }: { microTokens: number; batchSize: number },
): Row[] {
  const fullest: Row[] = [], left: Row[] = [];
  let tokens = 0;
  for (const row of rows.toSorted((a, b) => lengthOf(b) - lengthOf(a))) {
    const fits = fullest.length === 0 || tokens + lengthOf(row) <= microTokens;
    if (fits && fullest.length < batchSize) {
      fullest.push(row);
      tokens += lengthOf(row);
    } else left.push(row);
  }
  if (tokens < microTokens && fullest.length < batchSize) fullest.push(...left.slice(-1));
  return fullest;
}

/** The starts of that update whose contexts are longest in all; its prefill is the largest. */
export function longestStarts(sources: readonly ResetSource[], settings: PolicySettings): Start[] {
  const order = new BatchOrder(sources.length, settings.episodes, settings.seed);
  const length = ({ row, prefixLength }: Start) => sources[row].promptIds.length + prefixLength;
  const tokens = (starts: Start[]) => starts.reduce((sum, start) => sum + length(start), 0);
  let longest: Start[] = [];
  for (let update = 0; update < settings.updates; update++) {
    const starts = drawStarts(sources, order, update, settings);
    if (longest.length === 0 || tokens(starts) > tokens(longest)) longest = starts;
  }
  return longest;
}

/** Scores and gradients of an update in which no response ends early. */
export async function rehearseUpdate(
  models: Models,
  sources: readonly ResetSource[],
  starts: readonly Start[],
  settings: PolicySettings,
): Promise<void> {
  const requests = rollOutRequests(sources, starts, settings.responseTokens);
  const episodes: Episode[] = requests.map(({ context, newTokens }, i) => ({
    ...starts[i],
    tokens: [...context, ...Array<number>(newTokens).fill(0)],
    promptLength: sources[starts[i].row].promptIds.length,
    ended: true,
    decodeLogProbs: new Float32Array(newTokens),
  }));
  const width = paddedLength(Math.max(...episodes.map(({ tokens }) => tokens.length)));
  const { experience } = await scoreEpisodes(models, episodes, width, settings);
  const size = Math.ceil(episodes.length / settings.minibatches);
  for (let start = 0; start < episodes.length; start += size) {
    const end = Math.min(start + size, episodes.length);
    await clippedGradients(models, episodes, experience, [start, end], settings);
  }
  for (const tensor of Object.values(experience)) tensor.engine.release(tensor);
}
