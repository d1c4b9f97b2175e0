/** A matrix in a flat array, element [i, j] at `i · strides[0] + j · strides[1]`. */
export interface Strided {
  data: ArrayLike<number>;
  strides: readonly [number, number];
}

/** out[m, n] = Σₖ a[m, k] · b[k, n], row-major. */
export function product(
  { data: a, strides: [aRow, aInner] }: Strided,
  { data: b, strides: [bInner, bColumn] }: Strided,
  [rows, columns, inner]: readonly [number, number, number],
): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let m = 0; m < rows; m++) {
    for (let n = 0; n < columns; n++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += a[m * aRow + k * aInner] * b[k * bInner + n * bColumn];
      out[m * columns + n] = sum;
    }
  }
  return out;
}
