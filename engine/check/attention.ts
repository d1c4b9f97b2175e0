import type { Heads } from "../ops/attention.ts";

type Numbers = ArrayLike<number>;

/** Rows of keys or values of one head: the first at `first`, the others `stride` apart, `count` in all. */
interface Keys {
  first: number;
  stride: number;
  count: number;
}

/** Attention of the query at `at` over some keys. */
export function attendRow(
  { q, k, v }: Record<string, Numbers>,
  at: number,
  { first, stride, count }: Keys,
  { headSize: size, scale }: Required<Heads>,
): Float64Array {
  const weights = new Float64Array(count), out = new Float64Array(size);
  let largest = -Infinity, total = 0;
  for (let j = 0; j < count; j++) {
    const key = first + j * stride;
    for (let d = 0; d < size; d++) weights[j] += scale * q[at + d] * k[key + d];
    largest = Math.max(largest, weights[j]);
  }
  for (let j = 0; j < count; j++) total += weights[j] = Math.exp(weights[j] - largest);
  for (let j = 0; j < count; j++) {
    const value = first + j * stride;
    for (let d = 0; d < size; d++) out[d] += weights[j] / total * v[value + d];
  }
  return out;
}

/** Causal attention, sequence by sequence and head by head. */
export function attentionReference(
  inputs: Record<string, Numbers>,
  options: Required<Heads>,
  offsets: readonly number[],
): Float64Array {
  const { heads, keyHeads, headSize } = options;
  const out = new Float64Array(inputs.q.length);
  for (let b = 0; b + 1 < offsets.length; b++) {
    for (let row = offsets[b]; row < offsets[b + 1]; row++) {
      for (let h = 0; h < heads; h++) {
        const at = (row * heads + h) * headSize;
        const group = Math.floor(h / (heads / keyHeads));
        const stride = keyHeads * headSize;
        const first = offsets[b] * stride + group * headSize;
        const keys = { first, stride, count: row - offsets[b] + 1 };
        out.set(attendRow(inputs, at, keys, options), at);
      }
    }
  }
  return out;
}
