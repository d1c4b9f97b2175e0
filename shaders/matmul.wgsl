// Matrix product.
//
//   out[m, n] ← Σₖ A[m, k] · B[k, n]  (+ bias[n])  (+ residual[m, n])  (+ out[m, n])
//
//   direct   without workgroup memory: a lane makes 8 rows by 4 columns; the address of A is the same
//            for the whole workgroup, and neighbouring lanes read neighbouring columns of B

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

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>; // [M, K], or [K, M]
@group(0) @binding(2) var<storage, read> b: array<stored>; // [K, N], or [N, K]
@group(0) @binding(3) var<storage, read> bias: array<f32>; // [N]
@group(0) @binding(4) var<storage, read> residual: array<f32>; // [M, N]
@group(0) @binding(5) var<storage, read_write> out: array<f32>; // [M, N]

fn index_a(row: u32, k: u32) -> u32 {
  return select(row * params.inner + k, k * params.rows + row, TRANSPOSE_A);
}

fn index_b(k: u32, column: u32) -> u32 {
  return select(k * params.columns + column, column * params.inner + k, TRANSPOSE_B);
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
