/** log softmax(logits / temperature) of one row in float64, the reference of every op on logits. */
export function logSoftmax(logits: ArrayLike<number>, temperature = 1): Float64Array {
  const out = new Float64Array(logits.length);
  let largest = -Infinity, sum = 0;
  for (let i = 0; i < out.length; i++) {
    out[i] = logits[i] / temperature;
    largest = Math.max(largest, out[i]);
  }
  for (let i = 0; i < out.length; i++) sum += Math.exp(out[i] - largest);
  const logSum = largest + Math.log(sum);
  for (let i = 0; i < out.length; i++) out[i] -= logSum;
  return out;
}

/** The rows of a row-major matrix of `columns` columns. */
export function rowsOf<T extends Float32Array | Float64Array>(matrix: T, columns: number): T[] {
  const count = matrix.length / columns;
  return Array.from(
    { length: count },
    (_, r) => matrix.subarray(r * columns, (r + 1) * columns) as T,
  );
}
