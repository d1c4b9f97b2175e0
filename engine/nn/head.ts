import { linearLogProbability, type LogProbabilities } from "../ops/linear-logprob.ts";
import { tableLogits, type TableProduct } from "../ops/table-product.ts";
import type { RowProgram } from "../ops/row-program.ts";
import type { Parameters } from "../tensor/parameters.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ModelConfig } from "./architecture.ts";
import { moduleOf } from "./entries.ts";
import { architectureOf, families } from "./families/index.ts";
import { type Adapter, adapterOfLayer, lowRankStates } from "./lora.ts";

// The output head of all families, tied to the embedding or not. An adapted one adds s·(x·Aᵀ)·Bᵀ to the logits as a
// second product: W + s·B·A and its gradient would each be as large as the head, [V, C]. A tied head's adapter is
// the head's alone, as in PEFT: the embedding stays as it is.

/** Logits [G, V] of what follows hidden states [G, C]. Differentiable, but for what a program does. */
export function headLogits(
  config: ModelConfig,
  parameters: Parameters,
  hidden: Tensor,
  program: RowProgram | null = null,
): Tensor {
  const weight = parameters.get(headWeightName(config));
  return program?.linear(hidden, weight) ??
    tableLogits(hidden, weight, addedProduct(config, parameters, hidden));
}

/**
 * Log probabilities [G] of the tokens `targets` u32 [G] after hidden states [G, C], with entropies. Differentiable.
 * @param temperature divides the logits
 */
export function headLogProbabilities(
  config: ModelConfig,
  parameters: Parameters,
  hidden: Tensor,
  targets: Tensor,
  temperature = 1,
): LogProbabilities {
  const weight = parameters.get(headWeightName(config));
  const added = addedProduct(config, parameters, hidden);
  return linearLogProbability(hidden, weight, targets, { temperature, added });
}

/**
 * What the head is called: first as transformers 5 has it in memory, where PEFT takes its names from, last as
 * checkpoints have it. An adapter keeps the name that it was made under.
 */
export function headNames(config: ModelConfig): string[] {
  const { head } = architectureOf(config);
  const inMemory = Object.entries(families[config.family].aliases)
    .filter(([, stored]) => stored === `${head}.weight`)
    .map(([name]) => moduleOf(name));
  return [...inMemory, head];
}

/** The adapter of the head, where there is one. */
export function headAdapter(config: ModelConfig, parameters: Parameters): Adapter | undefined {
  return headNames(config).map((name) => adapterOfLayer(parameters, name)).find(Boolean);
}

/** The name of W [V, C], to which an adapter adds. */
export function headWeightName(config: ModelConfig): string {
  const { tokens, head } = architectureOf(config);
  return `${config.tied ? tokens : head}.weight`;
}

function addedProduct(
  config: ModelConfig,
  parameters: Parameters,
  hidden: Tensor,
): TableProduct | undefined {
  const adapter = headAdapter(config, parameters);
  return adapter && { x: lowRankStates(adapter, hidden), table: adapter.b };
}
