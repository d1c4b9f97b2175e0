// Matrix product on the matrix units of a GPU: an experiment with subgroup matrices, which Dawn offers on
// some adapters. It is off unless it is asked for.
//
//   out[m, n] ← Σₖ A[m, k] · B[k, n]  (+ bias[n])  (+ residual[m, n])  (+ out[m, n])
//
// A workgroup of one subgroup makes 4 × 4 matrices of ROWS × COLUMNS. A and B go through workgroup memory,
// four matrices deep, where what lies beyond them is zero and neither is transposed any more; so does the
// result, on its way to the epilogue.
enable chromium_experimental_subgroup_matrix;

alias stored = f32; // B: f16 where a weight is stored so

struct Params {
  rows: u32, // M
  columns: u32, // N
  inner: u32, // K
  with_bias: u32, // 1: the epilogue adds it
  with_residual: u32,
  with_accumulate: u32, // 1: adds to what `out` holds
}

override TRANSPOSE_A: bool = false; // A is stored [K, M]
override TRANSPOSE_B: bool = false; // B is stored [N, K]
override WORKGROUP: u32 = 32; // the largest size of a subgroup; of smaller ones each does the same work

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>; // [M, K], or [K, M]
@group(0) @binding(2) var<storage, read> b: array<stored>; // [K, N], or [N, K]
@group(0) @binding(3) var<storage, read> bias: array<f32>; // [N]
@group(0) @binding(4) var<storage, read> residual: array<f32>; // [M, N]
@group(0) @binding(5) var<storage, read_write> out: array<f32>; // [M, N]

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
  return a[select(row * params.inner + k, k * params.rows + row, TRANSPOSE_A)];
}

fn element_b(k: u32, column: u32) -> f32 {
  if (k >= params.inner || column >= params.columns) {
    return 0.0;
  }
  return f32(b[select(k * params.columns + column, column * params.inner + k, TRANSPOSE_B)]);
}

fn store(row: u32, column: u32, product: f32) {
  if (row >= params.rows || column >= params.columns) {
    return;
  }
  let i = row * params.columns + column;
  var value = product;
  if (params.with_bias == 1u) {
    value += bias[column];
  }
  if (params.with_residual == 1u) {
    value += residual[i];
  }
  if (params.with_accumulate == 1u) {
    value += out[i];
  }
  out[i] = value;
}
