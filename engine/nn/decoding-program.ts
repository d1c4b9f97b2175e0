import { cores, RowProgram } from "../ops/row-program.ts";
import type { Scope } from "../tensor/scope.ts";
import type { ModelConfig } from "./architecture.ts";
import { architectureOf } from "./families/index.ts";
import type { Model } from "./model.ts";

// A program gives rows to cores, not columns of weights, so each core reads all weights, and few rows leave cores
// idle. What it saves are launches. On two cores it paid for layers of at most so many weights.
const ALWAYS = 2 ** 18;
const A_ROW_AND_CORE = 3 * 2 ** 16;

/**
 * What does the parts of a decoding step that concern rows alone, where that is faster: on an adapter that computes
 * on the CPU, for layers that are small beside the rows. Null elsewhere, and over adapters and weights stored as f16.
 */
export function decodingProgram(
  { config, parameters }: Model,
  rows: number,
  scope: Scope,
): RowProgram | null {
  const { engine, base, entries } = parameters;
  const { software, subgroups } = engine.features;
  const plain = base === null && entries.every(({ dtype = "f32" }) => dtype === "f32");
  const most = Math.max(ALWAYS, A_ROW_AND_CORE * rows / cores());
  if (!software || !subgroups || !plain || layerWeights(config) > most) return null;
  const rounding = 1024 * (config.layers + 1); // each result begins at a multiple of 64 numbers
  return new RowProgram(engine, scope, rows, rows * stepWidth(config) + rounding);
}

/** Numbers in the matrices of one layer. */
function layerWeights(config: ModelConfig): number {
  const { width, heads, keyValueHeads, headSize, mlpWidth } = config;
  const matrices = architectureOf(config).mlp.gate === null ? 2 : 3;
  return width * (2 * (heads + keyValueHeads) * headSize + matrices * mlpWidth);
}

/** Numbers that a row's results take in a step, at most. */
function stepWidth(config: ModelConfig): number {
  const { layers, width, heads, keyValueHeads, headSize, mlpWidth } = config;
  const attention = 2 * (heads + 2 * keyValueHeads) * headSize;
  return layers * (attention + 6 * width + 4 * mlpWidth) + 4 * width;
}
