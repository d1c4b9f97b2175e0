// Matrix product on the matrix units of a GPU: an experiment with subgroup matrices, which Dawn offers on
// some adapters. It is off unless it is asked for.
//
//   out[m, n] ← Σₖ A[m, k] · B[k, n]  (+ bias[n])  (+ residual[m, n])  (+ out[m, n])
//
// A workgroup of one subgroup makes 4 × 4 matrices of ROWS × COLUMNS. A and B go through workgroup memory,
// four matrices deep, where what lies beyond them is zero and neither is transposed any more; so does the
// result, on its way to the epilogue.
enable chromium_experimental_subgroup_matrix;

// include product

override WORKGROUP: u32 = 32; // the largest size of a subgroup; of smaller ones each does the same work

// Of the matrices that the adapter multiplies: [ROWS, INNER] · [INNER, COLUMNS].
const ROWS: u32 = 8u;
const COLUMNS: u32 = 8u;
const INNER: u32 = 8u;

alias Left = subgroup_matrix_left<f32, INNER, ROWS>;
alias Right = subgroup_matrix_right<f32, COLUMNS, INNER>;
alias Result = subgroup_matrix_result<f32, COLUMNS, ROWS>;

const HEIGHT: u32 = 4u * ROWS;
const WIDTH: u32 = 4u * COLUMNS;
const DEPTH: u32 = 4u * INNER;

var<workgroup> slice_a: array<f32, HEIGHT * DEPTH>; // [HEIGHT, DEPTH]
var<workgroup> slice_b: array<f32, DEPTH * WIDTH>; // [DEPTH, WIDTH]
var<workgroup> tile: array<f32, HEIGHT * WIDTH>; // [HEIGHT, WIDTH]

@compute @workgroup_size(WORKGROUP)
fn matrices(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let first_row = group.y * HEIGHT;
  let first_column = group.x * WIDTH;
  var sums: array<Result, 16>; // [4, 4]
  for (var k0 = 0u; k0 < params.inner; k0 += DEPTH) {
    for (var i = thread; i < HEIGHT * DEPTH; i += WORKGROUP) {
      slice_a[i] = element_a(first_row + i / DEPTH, k0 + i % DEPTH);
    }
    for (var i = thread; i < DEPTH * WIDTH; i += WORKGROUP) {
      slice_b[i] = element_b(k0 + i / WIDTH, first_column + i % WIDTH);
    }
    workgroupBarrier();
    for (var k = 0u; k < DEPTH; k += INNER) {
      for (var r = 0u; r < 4u; r++) {
        let left = subgroupMatrixLoad<Left, row_major>(&slice_a, r * ROWS * DEPTH + k, DEPTH);
        for (var c = 0u; c < 4u; c++) {
          let right = subgroupMatrixLoad<Right, row_major>(&slice_b, k * WIDTH + c * COLUMNS, WIDTH);
          sums[r * 4u + c] = subgroupMatrixMultiplyAccumulate(left, right, sums[r * 4u + c]);
        }
      }
    }
    workgroupBarrier();
  }
  for (var r = 0u; r < 4u; r++) {
    for (var c = 0u; c < 4u; c++) {
      let at = r * ROWS * WIDTH + c * COLUMNS;
      subgroupMatrixStore<row_major>(&tile, at, sums[r * 4u + c], WIDTH);
    }
  }
  workgroupBarrier();
  for (var i = thread; i < HEIGHT * WIDTH; i += WORKGROUP) {
    store(first_row + i / WIDTH, first_column + i % WIDTH, tile[i]);
  }
}

fn element_a(row: u32, k: u32) -> f32 {
  if (row >= params.rows || k >= params.inner) {
    return 0.0;
  }
  return a[index_a(row, k)];
}

fn element_b(k: u32, column: u32) -> f32 {
  if (k >= params.inner || column >= params.columns) {
    return 0.0;
  }
  return f32(b[index_b(k, column)]);
}
