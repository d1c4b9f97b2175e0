// Matrix product where subgroups exist: the variant for adapters that compute on the CPU.
//
//   out[m, n] ← Σₖ A[m, k] · B[k, n]  (+ bias[n])  (+ residual[m, n])  (+ out[m, n])
//
// A workgroup makes ROWS rows by 4·WORKGROUP columns; a lane owns one vec4 of columns. Eight steps of k
// at a time, each of eight lanes loads one element of every row of A and hands it round, so that the
// inner loop is one vec4 load of B for ROWS fused multiply-adds, without workgroup memory. Needs
// subgroups of at least 8 lanes; larger ones hold the eight elements several times over.
enable subgroups;

alias scalar = f32;

struct Params {
  rows: u32, // M
  columns: u32, // N, a multiple of 4
  inner: u32, // K
  with_bias: u32, // 1: the epilogue adds it
  with_residual: u32,
  with_accumulate: u32, // 1: adds to what `out` holds
}

const ROWS: u32 = 8u;
override WORKGROUP: u32 = 8;
override TRANSPOSE_A: bool = false; // A is stored [K, M]

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<scalar>; // [M, K], or [K, M]
@group(0) @binding(2) var<storage, read> b: array<vec4<scalar>>; // [K, N]
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>; // [N]
@group(0) @binding(4) var<storage, read> residual: array<vec4<f32>>; // [M, N]
@group(0) @binding(5) var<storage, read_write> out: array<vec4<f32>>; // [M, N]

fn load_a(row: u32, k: u32) -> f32 {
  let m = min(row, params.rows - 1u);
  let i = min(k, params.inner - 1u);
  let value = select(a[m * params.inner + i], a[i * params.rows + m], TRANSPOSE_A);
  return select(0.0, value, k < params.inner);
}

@compute @workgroup_size(WORKGROUP)
fn product(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let first = group.y * ROWS;
  let column = group.x * WORKGROUP + local.x;
  let stride = params.columns / 4u;
  let source = min(column, stride - 1u);
  var sums: array<vec4<f32>, ROWS>;
  for (var k = 0u; k < params.inner; k += 8u) {
    var mine: array<f32, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
      mine[r] = load_a(first + r, k + (lane & 7u));
    }
    let last = params.inner - 1u;
    let b0 = b[k * stride + source];
    let b1 = b[min(k + 1u, last) * stride + source];
    let b2 = b[min(k + 2u, last) * stride + source];
    let b3 = b[min(k + 3u, last) * stride + source];
    let b4 = b[min(k + 4u, last) * stride + source];
    let b5 = b[min(k + 5u, last) * stride + source];
    let b6 = b[min(k + 6u, last) * stride + source];
    let b7 = b[min(k + 7u, last) * stride + source];
    for (var r = 0u; r < ROWS; r++) {
      let x = mine[r];
      var sum = sums[r];
      sum = fma(vec4<f32>(subgroupBroadcast(x, 0u)), b0, sum);
      sum = fma(vec4<f32>(subgroupBroadcast(x, 1u)), b1, sum);
      sum = fma(vec4<f32>(subgroupBroadcast(x, 2u)), b2, sum);
      sum = fma(vec4<f32>(subgroupBroadcast(x, 3u)), b3, sum);
      sum = fma(vec4<f32>(subgroupBroadcast(x, 4u)), b4, sum);
      sum = fma(vec4<f32>(subgroupBroadcast(x, 5u)), b5, sum);
      sum = fma(vec4<f32>(subgroupBroadcast(x, 6u)), b6, sum);
      sum = fma(vec4<f32>(subgroupBroadcast(x, 7u)), b7, sum);
      sums[r] = sum;
    }
  }
  // A loop whose end is only known when the kernel runs is not unrolled: eight epilogues took seconds to
  // compile.
  for (var row = first; row < params.rows && row - first < ROWS && column < stride; row++) {
    store(row * stride + column, column, sums[row - first]);
  }
}

fn store(i: u32, column: u32, product: vec4<f32>) {
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
