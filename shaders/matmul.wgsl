// Matrix product.
//
//   out[m, n] ← Σₖ A[m, k] · B[k, n]  (+ bias[n])  (+ residual[m, n])  (+ out[m, n])
//
//   tiled    for real GPUs: a workgroup of 16 × 16 makes a 64 × 64 tile, 4 × 4 a thread, with slices of A
//            and B of depth 16 in workgroup memory
//   direct   without workgroup memory: a lane makes 8 rows by 4 columns; the address of A is the same
//            for the whole workgroup, and neighbouring lanes read neighbouring columns of B
//
//   pack     lays B out for matmul_subgroup.wgsl: panels of 4·lanes columns, each panel's rows one after the
//            other, filled up with zeros

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

const TILE: u32 = 64u;
const DEPTH: u32 = 16u;

var<workgroup> slice_a: array<f32, 1024>; // [DEPTH, TILE]
var<workgroup> slice_b: array<f32, 1024>; // [DEPTH, TILE]

@compute @workgroup_size(16, 16)
fn tiled(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let first_row = group.y * TILE;
  let first_column = group.x * TILE;
  var sums: array<vec4<f32>, 4>;
  for (var k0 = 0u; k0 < params.inner; k0 += DEPTH) {
    for (var i = thread; i < TILE * DEPTH; i += 256u) {
      // Neighbouring threads read neighbouring addresses, whichever way the matrix is stored.
      let a_row = select(i / DEPTH, i % TILE, TRANSPOSE_A);
      let a_k = select(i % DEPTH, i / TILE, TRANSPOSE_A);
      let b_column = select(i % TILE, i / DEPTH, TRANSPOSE_B);
      let b_k = select(i / TILE, i % DEPTH, TRANSPOSE_B);
      let row = first_row + a_row;
      let column = first_column + b_column;
      slice_a[a_k * TILE + a_row] = 0.0;
      if (row < params.rows && k0 + a_k < params.inner) {
        slice_a[a_k * TILE + a_row] = a[index_a(row, k0 + a_k)];
      }
      slice_b[b_k * TILE + b_column] = 0.0;
      if (column < params.columns && k0 + b_k < params.inner) {
        slice_b[b_k * TILE + b_column] = f32(b[index_b(k0 + b_k, column)]);
      }
    }
    workgroupBarrier();
    for (var k = 0u; k < DEPTH; k++) {
      let at_a = k * TILE + local.y * 4u;
      let at_b = k * TILE + local.x * 4u;
      let columns = vec4<f32>(
        slice_b[at_b],
        slice_b[at_b + 1u],
        slice_b[at_b + 2u],
        slice_b[at_b + 3u],
      );
      for (var r = 0u; r < 4u; r++) {
        sums[r] = fma(vec4<f32>(slice_a[at_a + r]), columns, sums[r]);
      }
    }
    workgroupBarrier();
  }
  for (var r = 0u; r < 4u; r++) {
    for (var c = 0u; c < 4u; c++) {
      store(first_row + local.y * 4u + r, first_column + local.x * 4u + c, sums[r][c]);
    }
  }
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

struct PackParams {
  columns: u32, // N
  inner: u32, // K
  depth: u32, // K with what fills the last step
  lanes: u32, // vec4s in a row of a panel
  vectors: u32, // of all panels
}

@group(0) @binding(6) var<uniform> pack_params: PackParams;
@group(0) @binding(7) var<storage, read> x: array<stored>; // [K, N], or [N, K]
@group(0) @binding(8) var<storage, read_write> panels: array<vec4<f32>>; // [⌈N / (4·lanes)⌉, depth, 4·lanes]

fn element(k: u32, column: u32) -> f32 {
  if (k >= pack_params.inner || column >= pack_params.columns) {
    return 0.0;
  }
  return f32(x[select(k * pack_params.columns + column, column * pack_params.inner + k, TRANSPOSE_B)]);
}

@compute @workgroup_size(64)
fn pack(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= pack_params.vectors) {
    return;
  }
  let row = i / pack_params.lanes; // of all panels
  let k = row % pack_params.depth;
  let column = (row / pack_params.depth * pack_params.lanes + i % pack_params.lanes) * 4u;
  panels[i] = vec4<f32>(
    element(k, column),
    element(k, column + 1u),
    element(k, column + 2u),
    element(k, column + 3u),
  );
}
