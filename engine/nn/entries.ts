import type { Entry } from "../tensor/parameters.ts";
import type { ModelConfig } from "./architecture.ts";
import { architectureOf } from "./families/index.ts";

/** Names and shapes of all weights of a model without score head, in the order in which they are stored. */
export function decoderEntries(config: ModelConfig): Entry[] {
  const { vocabulary, width, context, tied } = config;
  const { tokens, positions, norm, layers, finalNorm, head } = architectureOf(config);
  const entries: Entry[] = [{ name: `${tokens}.weight`, shape: [vocabulary, width], table: true }];
  if (positions) entries.push({ name: `${positions}.weight`, shape: [context, width] });
  for (let layer = 0; layer < config.layers; layer++) {
    for (const { name, shape } of layerEntries(config)) {
      entries.push({ name: `${layers}.${layer}.${name}`, shape });
    }
  }
  entries.push(...normEntries(finalNorm, width, norm));
  if (!tied) entries.push({ name: `${head}.weight`, shape: [vocabulary, width], table: true });
  return entries;
}

function layerEntries(config: ModelConfig): Entry[] {
  const { width, mlpWidth, headSize, mlpBias } = config;
  const { inputFirst, norm, attentionNorm, attention, mlpNorm, mlp } = architectureOf(config);
  const inner = config.heads * headSize, keyInner = config.keyValueHeads * headSize;
  const linear = (name: string, from: number, to: number, bias: boolean): Entry[] => [
    { name: `${name}.weight`, shape: inputFirst ? [from, to] : [to, from] },
    ...bias ? [{ name: `${name}.bias`, shape: [to] }] : [],
  ];
  const { input, inputBias, headNorms, output, outputBias } = attention;
  return [
    ...normEntries(attentionNorm, width, norm),
    ...input.fused ? linear(input.name, width, inner + 2 * keyInner, inputBias) : [
      ...linear(input.query, width, inner, inputBias),
      ...linear(input.key, width, keyInner, inputBias),
      ...linear(input.value, width, keyInner, inputBias),
    ],
    ...headNorms ? normEntries(headNorms.query, headSize, "rms") : [],
    ...headNorms ? normEntries(headNorms.key, headSize, "rms") : [],
    ...linear(output, inner, width, outputBias),
    ...normEntries(mlpNorm, width, norm),
    ...mlp.gate === null ? [] : linear(mlp.gate, width, mlpWidth, mlpBias),
    ...linear(mlp.up, width, mlpWidth, mlpBias),
    ...linear(mlp.down, mlpWidth, width, mlpBias),
  ];
}

function normEntries(name: string, width: number, norm: "rms" | "layer"): Entry[] {
  const weight = { name: `${name}.weight`, shape: [width] };
  return norm === "rms" ? [weight] : [weight, { name: `${name}.bias`, shape: [width] }];
}

/** The module that a weight belongs to. */
export function moduleOf(weight: string): string {
  return weight.slice(0, weight.lastIndexOf("."));
}
