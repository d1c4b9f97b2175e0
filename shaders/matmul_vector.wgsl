// Product of few rows and a matrix, as in decoding: the variant for real GPUs that reads B once.
//
//   out[m, n] ← Σₖ A[m, k] · B[k, n]  (+ bias[n])  (+ residual[m, n])  (+ out[m, n])
//
// A, [M, K], is not transposed. A workgroup makes ROWS rows by a few columns. Its threads share out the k's so
// that neighbours read neighbouring vec4s of B as it is stored, and add up their sums in workgroup memory:
//
//   B [N, K]  4 columns; a thread takes four k's at a time
//   B [K, N]  16 columns; four threads take one k, a vec4 of columns each

// include product

const ROWS: u32 = 8u;
const WORKGROUP: u32 = 64u;

var<workgroup> partials: array<vec4<f32>, ROWS * WORKGROUP>; // [ROWS, WORKGROUP]

@compute @workgroup_size(WORKGROUP)
fn vector(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let lanes = select(4u, 1u, TRANSPOSE_B); // threads side by side, each with a vec4 of columns
  let first_row = group.y * ROWS;
  let first_column = group.x * lanes * 4u;
  let last_row = params.rows - 1u;
  var sums: array<vec4<f32>, ROWS>;
  if (TRANSPOSE_B) {
    for (var k = thread * 4u; k < params.inner; k += WORKGROUP * 4u) {
      let columns = mat4x4<f32>(
        quad_b(first_column, k, params.columns, params.inner),
        quad_b(first_column + 1u, k, params.columns, params.inner),
        quad_b(first_column + 2u, k, params.columns, params.inner),
        quad_b(first_column + 3u, k, params.columns, params.inner),
      );
      for (var r = 0u; r < ROWS; r++) {
        let left = quad_a(min(first_row + r, last_row), k, params.rows, params.inner);
        sums[r] += left * columns;
      }
    }
  } else {
    let column = first_column + thread % lanes * 4u;
    for (var k = thread / lanes; k < params.inner; k += WORKGROUP / lanes) {
      let columns = quad_b(k, column, params.inner, params.columns);
      for (var r = 0u; r < ROWS; r++) {
        let left = a[index_a(min(first_row + r, last_row), k)];
        sums[r] = fma(vec4<f32>(left), columns, sums[r]);
      }
    }
  }
  for (var r = 0u; r < ROWS; r++) {
    partials[r * WORKGROUP + thread] = sums[r];
  }
  for (var half = WORKGROUP / 2u; half >= lanes; half /= 2u) {
    workgroupBarrier();
    if (thread < half) {
      for (var i = thread; i < ROWS * WORKGROUP; i += WORKGROUP) {
        partials[i] += partials[i + half];
      }
    }
  }
  workgroupBarrier();
  for (var i = thread; i < ROWS * lanes * 4u; i += WORKGROUP) {
    let row = i / (lanes * 4u);
    let at = i % (lanes * 4u);
    store(first_row + row, first_column + at, partials[row * WORKGROUP + at / 4u][at % 4u]);
  }
}
