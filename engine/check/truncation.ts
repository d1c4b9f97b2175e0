import type { Truncation } from "../ops/truncation.ts";

/**
 * The ids that Hugging Face's TopKLogitsWarper and then TopPLogitsWarper keep, in float64; of equal
 * logits, which their sort puts in no defined order, top-p keeps all or none.
 */
export function keptIds(logits: Float32Array, { temperature, topK, topP }: Truncation): number[] {
  const ascending = [...logits.keys()].sort((a, b) => logits[a] - logits[b]);
  let kept = ascending;
  if (topK > 0 && topK < logits.length) {
    const lowest = logits[ascending[logits.length - topK]];
    kept = ascending.filter((id) => logits[id] >= lowest);
  }
  if (topP < 1) {
    const largest = logits[kept[kept.length - 1]];
    const weights = kept.map((id) => Math.exp((logits[id] - largest) / temperature));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    let sum = 0;
    const first = weights.findIndex((weight) => (sum += weight) > (1 - topP) * total);
    kept = kept.filter((id) => logits[id] >= logits[kept[first]]);
  }
  return kept.sort((a, b) => a - b);
}
