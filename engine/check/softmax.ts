/** log softmax(logits / temperature) of one row in float64, the reference of every op on logits. */
export function logSoftmax(logits: ArrayLike<number>, temperature = 1): Float64Array {
  const scaled = Float64Array.from(logits, (x) => x / temperature);
  let largest = -Infinity, sum = 0;
  for (const x of scaled) largest = Math.max(largest, x);
  for (const x of scaled) sum += Math.exp(x - largest);
  return scaled.map((x) => x - largest - Math.log(sum));
}

/** The rows of a row-major matrix of `columns` columns. */
export function rowsOf<T extends Float32Array | Float64Array>(matrix: T, columns: number): T[] {
  const count = matrix.length / columns;
  return Array.from(
    { length: count },
    (_, r) => matrix.subarray(r * columns, (r + 1) * columns) as T,
  );
}
