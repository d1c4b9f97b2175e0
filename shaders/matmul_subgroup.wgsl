// Matrix product where subgroups exist: the variant for adapters that compute on the CPU.
//
//   out[m, n] ← Σₖ A[m, k] · B[k, n]  (+ bias[n])  (+ residual[m, n])  (+ out[m, n])
//
// A subgroup's worth of lanes makes ROWS rows by 4·WORKGROUP columns; a lane owns one vec4 of columns. In a
// step of eight k, each of eight lanes loads one element of every row of A and hands it round, so that a vec4
// load of B serves ROWS fused multiply-adds, without workgroup memory. Such adapters load element by element,
// with a check for each, at the price of about ten multiply-adds: so B comes in panels (`pack` of matmul.wgsl)
// that are read in order without bounds, and there are as many rows as compile in good time.
// Needs subgroups of at least 8 lanes; larger ones hold the eight elements several times over.
enable subgroups;

alias scalar = f32;

const STEP: u32 = 8u; // of k

struct Params {
  rows: u32, // M
  columns: u32, // N, a multiple of 4
  inner: u32, // K
  with_bias: u32, // 1: the epilogue adds it
  with_residual: u32,
  with_accumulate: u32, // 1: adds to what `out` holds
}

const ROWS: u32 = 16u;
override WORKGROUP: u32 = 8;
override TRANSPOSE_A: bool = false; // A is stored [K, M]

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<scalar>; // [M, K], or [K, M]
@group(0) @binding(2) var<storage, read> panels: array<vec4<scalar>>; // B: [⌈N / (4·WORKGROUP)⌉, ⌈K / STEP⌉·STEP, 4·WORKGROUP]
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>; // [N]
@group(0) @binding(4) var<storage, read> residual: array<vec4<f32>>; // [M, N]
@group(0) @binding(5) var<storage, read_write> out: array<vec4<f32>>; // [M, N]

@compute @workgroup_size(WORKGROUP)
fn product(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let first = group.y * ROWS;
  let steps = (params.inner + STEP - 1u) / STEP;
  var at = group.x * steps * STEP * WORKGROUP + local.x;
  var sums: array<vec4<f32>, ROWS>;
  for (var step = 0u; step < steps; step++) {
    // Past the end of a row its last element meets the zeros of a panel: what is not finite stays in its row.
    let k = min(step * STEP + (lane & 7u), params.inner - 1u);
    let b0 = panels[at];
    let b1 = panels[at + WORKGROUP];
    let b2 = panels[at + 2u * WORKGROUP];
    let b3 = panels[at + 3u * WORKGROUP];
    let b4 = panels[at + 4u * WORKGROUP];
    let b5 = panels[at + 5u * WORKGROUP];
    let b6 = panels[at + 6u * WORKGROUP];
    let b7 = panels[at + 7u * WORKGROUP];
    at += STEP * WORKGROUP;
    var mine: array<f32, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
      let row = min(first + r, params.rows - 1u);
      mine[r] = a[select(row * params.inner + k, k * params.rows + row, TRANSPOSE_A)];
    }
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
  // A loop whose end is only known when the kernel runs is not unrolled: sixteen epilogues took seconds to
  // compile.
  let column = group.x * WORKGROUP + local.x;
  let stride = params.columns / 4u;
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
