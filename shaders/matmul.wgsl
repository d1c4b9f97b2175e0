// Matrix product.
//
//   out[m, n] ← Σₖ A[m, k] · B[k, n]  (+ bias[n])  (+ residual[m, n])  (+ out[m, n])
//
//   direct   without workgroup memory: a lane makes 8 rows by 4 columns; the address of A is the same
//            for the whole workgroup, and neighbouring lanes read neighbouring columns of B

// include product

const ROWS: u32 = 8u;
override WORKGROUP: u32 = 16;

@compute @workgroup_size(WORKGROUP)
fn direct(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let first_row = group.y * ROWS;
  let first_column = group.x * WORKGROUP * 4u + local.x;
  let last_row = params.rows - 1u;
  let columns = min(
    vec4<u32>(first_column) + vec4<u32>(0u, WORKGROUP, 2u * WORKGROUP, 3u * WORKGROUP),
    vec4<u32>(params.columns - 1u),
  );
  var sums: array<vec4<f32>, ROWS>;
  for (var k = 0u; k < params.inner; k++) {
    let right = vec4<f32>(
      f32(b[index_b(k, columns.x)]),
      f32(b[index_b(k, columns.y)]),
      f32(b[index_b(k, columns.z)]),
      f32(b[index_b(k, columns.w)]),
    );
    for (var r = 0u; r < ROWS; r++) {
      let left = a[index_a(min(first_row + r, last_row), k)];
      sums[r] = fma(vec4<f32>(left), right, sums[r]);
    }
  }
  // A loop whose end is only known when the kernel runs is not unrolled: 32 epilogues took seconds to compile.
  for (var row = first_row; row < params.rows && row - first_row < ROWS; row++) {
    for (var c = 0u; c < 4u; c++) {
      store(row, first_column + c * WORKGROUP, sums[row - first_row][c]);
    }
  }
}
