import type { Engine } from "../gpu/engine.ts";
import type { RowProgram } from "../ops/row-program.ts";
import { sampleNext } from "../ops/sampling.ts";
import type { Scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { packBatch } from "./batch.ts";
import { type DecoderCache, decodeStep, newCache, prefill } from "./decoder.ts";
import { generationProgram } from "./generation-program.ts";
import { headLogits } from "./head.ts";
import type { Model } from "./model.ts";

/** One row to continue. */
export interface GenerationRequest {
  /** Prompt and forced prefix: all token ids that stand before the first one to draw. */
  context: readonly number[];
  /** At most so many tokens are drawn. */
  newTokens: number;
  /** Number of the episode: with the seed and the place of a token it fixes that token's random draw. */
  episode: number;
}

export interface GenerationOptions {
  temperature: number;
  /** 0: off. */
  topK?: number;
  /** 1: off. */
  topP?: number;
  seed: number;
  /** One of `purposes`; `token` without it. */
  purpose?: number;
  endTokens: readonly number[];
}

/** What was drawn for one row. */
export interface Generated {
  /** Drawn tokens, with the end-of-sequence token where one was drawn. */
  tokens: number[];
  /** Their log probabilities under softmax(logits / temperature), as decoding computed them. */
  logProbs: Float32Array;
  ended: boolean;
}

// Whether all rows are done is asked now and then, and the answer looked at some steps later: those are then computed
// while this side waits and puts the next ones together. Where a launch makes many steps, rows that are done cost little.
const STEPS_BETWEEN_CHECKS = 8, STEPS_BETWEEN_CHEAP_CHECKS = 64, STEPS_AHEAD = 2;

/**
 * Samples continuations with a cache of keys and values: one batched prefill, whatever the lengths, then a
 * step per token without a read-back. Not differentiable.
 */
export async function generate(
  model: Model,
  requests: readonly GenerationRequest[],
  options: GenerationOptions,
): Promise<Generated[]> {
  const { config, parameters: { engine } } = model;
  if (requests.length === 0) return [];
  for (const [b, request] of requests.entries()) checkRequest(b, request, config.context);
  const scope = engine.openScope();
  try {
    const run = engine.within(
      scope,
      () => startGeneration(engine, scope, model, requests, options),
    );
    engine.flush();
    const steps = Math.max(...requests.map(({ newTokens }) => newTokens));
    let asked: Promise<boolean> | null = null, between = STEPS_BETWEEN_CHECKS;
    for (let step = 1, checked = 1; step < steps;) {
      const made = engine.scope(() => decode(model, run, options, steps - step));
      if (made > 1) between = STEPS_BETWEEN_CHEAP_CHECKS;
      step += made;
      if (asked && step - checked >= STEPS_AHEAD) {
        engine.flush();
        if (await asked) break;
        asked = null;
      }
      if (!asked && step - checked >= between && step < steps) {
        asked = allDone(run.state);
        asked.catch(() => {}); // it is awaited below, but for a step that fails first
        checked = step;
      }
    }
    await asked;
    return await collect(run, requests, options.endTokens);
  } finally {
    engine.close(scope);
  }
}

function checkRequest(
  b: number,
  { context, newTokens, episode }: GenerationRequest,
  limit: number,
): void {
  const row = `generate: row ${b}`, { length } = context;
  if (length === 0) throw new RangeError(`${row} has no token to go on from`);
  if (!Number.isSafeInteger(newTokens) || newTokens < 0) {
    throw new RangeError(`${row} asks for ${newTokens} tokens, which is no whole number from 0`);
  }
  if (episode !== episode >>> 0) {
    throw new RangeError(`${row} is episode ${episode}, which is no whole number below 2^32`);
  }
  if (length + newTokens <= limit) return;
  throw new RangeError(
    `${row} has ${length} tokens and asks for ${newTokens} more, but the model's context is ${limit}`,
  );
}

interface Run {
  cache: DecoderCache;
  program: RowProgram | null;
  tokens: Tensor;
  logProbs: Tensor;
  state: Tensor;
  next: Tensor;
  sequences: Tensor;
  ends: Tensor;
}

function startGeneration(
  engine: Engine,
  scope: Scope,
  model: Model,
  requests: readonly GenerationRequest[],
  options: GenerationOptions,
): Run {
  const { config, parameters } = model;
  const rows = requests.length;
  const capacity = Math.max(
    ...requests.map(({ context, newTokens }) => context.length + newTokens),
  );
  const tokens = new Uint32Array(rows * capacity), state = new Uint32Array(rows * 4);
  const columns = Math.ceil(rows / 64) * 64; // where a row of `next` begins it can be bound
  const next = new Uint32Array(2 * columns);
  for (const [b, { context, newTokens, episode }] of requests.entries()) {
    tokens.set(context, b * capacity);
    state.set([context.length, context.length + newTokens, newTokens > 0 ? 0 : 1, episode], b * 4);
    [next[b], next[columns + b]] = [context.at(-1)!, context.length - 1];
  }
  const run: Run = {
    cache: newCache(config, parameters, [rows, capacity]),
    program: generationProgram(model, rows, scope),
    tokens: engine.tensor(tokens, [rows, capacity]),
    logProbs: engine.zeros([rows, capacity]),
    state: engine.tensor(state, [rows, 4]),
    next: engine.tensor(next, [2, columns]),
    sequences: engine.integers([...Array(rows).keys()]),
    // No end token at all: an id no draw can give.
    ends: engine.integers(options.endTokens.length ? [...options.endTokens] : [0xffffffff]),
  };
  const first = engine.openScope();
  try {
    engine.within(first, () => drawFirst(model, run, requests, options));
  } finally {
    engine.close(first);
  }
  return run;
}

/** The prompts at once, and a token of each. */
function drawFirst(
  model: Model,
  run: Run,
  requests: readonly GenerationRequest[],
  options: GenerationOptions,
): void {
  const { config, parameters } = model, { engine } = parameters;
  const batch = packBatch(engine, requests.map(({ context }) => context));
  const hidden = prefill(config, parameters, batch, run.cache);
  draw(headLogits(config, parameters, hidden), run, options);
}

/** A step, or more where a program makes many at once; returns how many of `most`. */
function decode(
  { config, parameters }: Model,
  run: Run,
  options: GenerationOptions,
  most: number,
): number {
  const { program, sequences, next, cache } = run, { engine, storage, shape: [, columns] } = next;
  const repeated = program?.repeat(most);
  if (repeated) return repeated;
  const [tokens, positions] = [0, columns * 4]
    .map((offset) => new Tensor(engine, storage, offset, sequences.shape, "u32"));
  const rows = { tokens, positions, sequences, program };
  draw(decodeStep(config, parameters, rows, cache), run, options);
  return 1;
}

function draw(logits: Tensor, run: Run, options: GenerationOptions): void {
  const { temperature, topK = 0, topP = 1, seed, purpose } = options;
  sampleNext({ logits, ...run }, { temperature, topK, topP, seed, purpose }, run.program);
}

async function allDone(state: Tensor): Promise<boolean> {
  const values = await state.readIntegers();
  for (let b = 0; b < values.length; b += 4) if (!values[b + 2]) return false;
  return true;
}

async function collect(
  { tokens, logProbs, state }: Run,
  requests: readonly GenerationRequest[],
  endTokens: readonly number[],
): Promise<Generated[]> {
  const [ids, values, states] = await Promise.all([
    tokens.readIntegers(),
    logProbs.read(),
    state.readIntegers(),
  ]);
  const capacity = tokens.shape[1];
  return requests.map(({ context }, b) => {
    const from = b * capacity + context.length, to = b * capacity + states[b * 4];
    const drawn = [...ids.subarray(from, to)];
    return {
      tokens: drawn,
      logProbs: values.slice(from, to),
      ended: endTokens.includes(drawn.at(-1)!),
    };
  });
}
