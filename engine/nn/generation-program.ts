import { cores, RowProgram } from "../ops/row-program.ts";
import { laneDoesRow } from "../ops/row-reduction.ts";
import type { Scope } from "../tensor/scope.ts";
import type { ModelConfig } from "./architecture.ts";
import { architectureOf } from "./families/index.ts";
import type { Model } from "./model.ts";

// A program gives rows to cores, not columns of weights, so each core reads all weights, and few rows leave cores
// idle. What it saves are launches. On two cores it paid for layers of at most so many weights.
const ALWAYS = 2 ** 18;
const A_ROW_AND_CORE = 3 * 2 ** 16;
const MOST = 2 ** 22;

/**
 * What does the parts of generation that concern rows alone, where that is faster: on an adapter that computes on the
 * CPU, for layers that are small beside the rows. Null elsewhere, and over adapters and weights stored as f16.
 */
export function generationProgram(
  { config, parameters }: Model,
  rows: number,
  scope: Scope,
): RowProgram | null {
  const { engine, base, entries } = parameters;
  const { software, subgroups } = engine.features;
  const plain = base === null && entries.every(({ dtype = "f32" }) => dtype === "f32");
  const most = Math.min(Math.max(ALWAYS, A_ROW_AND_CORE * rows / cores()), MOST);
  if (!software || !subgroups || !plain || layerWeights(config) > most) return null;
  if (!laneDoesRow(engine, config.width)) return null; // it could not do the norms
  const numbers = rows * layerWidth(config) + ROUNDING;
  if (2 * 4 * numbers > engine.bindingLimit) return null;
  return new RowProgram(engine, scope, rows, numbers);
}

/** Numbers in the matrices of one layer. */
function layerWeights(config: ModelConfig): number {
  const { width, heads, keyValueHeads, headSize, mlpWidth } = config;
  const matrices = architectureOf(config).mlp.gate === null ? 2 : 3;
  return width * (2 * (heads + keyValueHeads) * headSize + matrices * mlpWidth);
}

const ROUNDING = 2048; // numbers: each result of a layer begins at a multiple of 64

/** Numbers that a row's results take in a layer, at most; the last has the final norm, too. */
function layerWidth(config: ModelConfig): number {
  const { width, heads, keyValueHeads, headSize, mlpWidth } = config;
  const wide = architectureOf(config).mlp.gate === null ? 1 : 3;
  return 2 * (heads + 2 * keyValueHeads) * headSize + 7 * width + wide * mlpWidth;
}
