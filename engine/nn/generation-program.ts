import { cores } from "../ops/row-launches.ts";
import { RowProgram } from "../ops/row-program.ts";
import { laneDoesRow } from "../ops/row-reduction.ts";
import type { Scope } from "../tensor/scope.ts";
import type { ModelConfig } from "./architecture.ts";
import { kernelHeads } from "./decoder.ts";
import { architectureOf } from "./families/index.ts";
import type { Model } from "./model.ts";

// A program gives rows to cores, not columns of weights, so each core reads all weights, and few rows leave cores
// idle. What it saves are launches. On two cores it paid for layers of at most so many weights.
const ALWAYS = 2 ** 18;
const A_ROW_AND_CORE = 3 * 2 ** 16;
const MOST = 2 ** 22;

const ROUNDING = 2048; // numbers: each result of a layer begins at a multiple of 64

/**
 * What does a decoding step, where that is faster: on an adapter that computes on the CPU, for layers that are small
 * beside the rows. Null elsewhere, and over adapters and weights stored as f16.
 * @param scope it lives as long
 */
export function generationProgram(
  { config, parameters }: Model,
  rows: number,
  scope: Scope,
): RowProgram | null {
  const { engine, base, entries } = parameters;
  const { software, subgroups } = engine.features;
  const plain = base === null && entries.every(({ dtype = "f32" }) => dtype === "f32");
  const mostWeights = Math.min(Math.max(ALWAYS, A_ROW_AND_CORE * rows / cores()), MOST);
  if (!software || !subgroups || !plain || layerWeights(config) > mostWeights) return null;
  if (!laneDoesRow(engine, config.width)) return null; // it could not do the norms
  const numbers = stepNumbers(config, rows, mostWeights);
  const kept = config.layers * (rows * keptWidth(config) + ROUNDING);
  if (4 * (numbers + kept + 2 * rows + ROUNDING) > engine.bindingLimit) return null;
  const heads = kernelHeads(config);
  return new RowProgram(engine, scope, rows, { numbers, kept, heads, mostWeights });
}

/** Numbers that the results of a step take: of the embedding, the layers, the final norm and the head. */
function stepNumbers(config: ModelConfig, rows: number, most: number): number {
  const { layers, vocabulary, width } = config;
  const head = vocabulary * width <= most ? vocabulary : 0;
  return layers * (rows * layerWidth(config) + ROUNDING) + rows * (2 * width + head);
}

/** Numbers in the matrices of one layer. */
function layerWeights(config: ModelConfig): number {
  const { width, heads, keyValueHeads, headSize, mlpWidth } = config;
  const matrices = architectureOf(config).mlp.gate === null ? 2 : 3;
  return width * (2 * (heads + keyValueHeads) * headSize + matrices * mlpWidth);
}

/** Numbers that a row's results take in a layer, at most, but for queries, keys and values. */
function layerWidth(config: ModelConfig): number {
  const { width, heads, headSize, mlpWidth } = config;
  const wide = architectureOf(config).mlp.gate === null ? 1 : 3;
  return heads * headSize + 7 * width + wide * mlpWidth;
}

/** And those: as the layer projects them, each in a tensor of its own, and turned. */
function keptWidth(config: ModelConfig): number {
  const { heads, keyValueHeads, headSize, rope } = config;
  const all = heads + 2 * keyValueHeads, turned = rope ? heads + keyValueHeads : 0;
  const split = rope && architectureOf(config).attention.input.fused ? all : 0;
  return (all + split + turned) * headSize;
}
