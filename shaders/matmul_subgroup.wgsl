// Matrix product where subgroups exist: the variant for adapters that compute on the CPU.
//
//   out[m, n] ← Σₖ A[m, k] · B[k, n]  (+ bias[n])  (+ residual[m, n])  (+ out[m, n])
//
// A subgroup's worth of lanes makes ROWS rows by 8·WORKGROUP columns; a lane owns two vec4 of columns. In a step
// of two k, eight lanes load four rows of A at a time, one element each, and hand them round: so a load of B
// serves ROWS rows and one of A all the columns, without workgroup memory. Such adapters load element by element,
// with a check for each, at the price of about ten multiply-adds. The tile is as large, and the step as short,
// as leaves the machine code of a step within 32 KiB of instruction cache: a longer step spends its time waiting
// for instructions. B comes in panels (`pack` of matmul.wgsl) that are read in order without bounds.
// Needs subgroups of at least 8 lanes; larger ones hold the eight elements several times over.
enable subgroups;

alias scalar = f32;

const STEP: u32 = 2u; // of k
const ROWS_OF_LOAD: u32 = 4u; // of A: eight lanes hold so many rows by STEP

struct Params {
  rows: u32, // M
  columns: u32, // N, a multiple of 4
  inner: u32, // K
  with_bias: u32, // 1: the epilogue adds it
  with_residual: u32,
  with_accumulate: u32, // 1: adds to what `out` holds
}

const ROWS: u32 = 32u; // a multiple of ROWS_OF_LOAD
override WORKGROUP: u32 = 8;
override TRANSPOSE_A: bool = false; // A is stored [K, M]

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<scalar>; // [M, K], or [K, M]
@group(0) @binding(2) var<storage, read> panels: array<vec4<scalar>>; // B: [⌈N / (8·WORKGROUP)⌉, ⌈K / STEP⌉·STEP, 8·WORKGROUP]
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
  var at = group.x * steps * STEP * 2u * WORKGROUP + local.x;
  var sums: array<vec4<f32>, 2u * ROWS>; // of each row the left vec4, then the right
  for (var step = 0u; step < steps; step++) {
    // Past the end of a row its last element meets the zeros of a panel: what is not finite stays in its row.
    let k = min(step * STEP + lane % STEP, params.inner - 1u);
    let left0 = vec4<f32>(panels[at]);
    let right0 = vec4<f32>(panels[at + WORKGROUP]);
    let left1 = vec4<f32>(panels[at + 2u * WORKGROUP]);
    let right1 = vec4<f32>(panels[at + 3u * WORKGROUP]);
    at += STEP * 2u * WORKGROUP;
    var mine: array<f32, ROWS / ROWS_OF_LOAD>;
    for (var i = 0u; i < ROWS / ROWS_OF_LOAD; i++) {
      let row = min(first + i * ROWS_OF_LOAD + lane / STEP % ROWS_OF_LOAD, params.rows - 1u);
      mine[i] = f32(a[select(row * params.inner + k, k * params.rows + row, TRANSPOSE_A)]);
    }
    for (var i = 0u; i < ROWS / ROWS_OF_LOAD; i++) {
      let x = mine[i];
      let first0 = vec4<f32>(subgroupBroadcast(x, 0u));
      let first1 = vec4<f32>(subgroupBroadcast(x, 1u));
      let second0 = vec4<f32>(subgroupBroadcast(x, 2u));
      let second1 = vec4<f32>(subgroupBroadcast(x, 3u));
      let third0 = vec4<f32>(subgroupBroadcast(x, 4u));
      let third1 = vec4<f32>(subgroupBroadcast(x, 5u));
      let fourth0 = vec4<f32>(subgroupBroadcast(x, 6u));
      let fourth1 = vec4<f32>(subgroupBroadcast(x, 7u));
      let at_row = i * 2u * ROWS_OF_LOAD;
      sums[at_row] = fma(first1, left1, fma(first0, left0, sums[at_row]));
      sums[at_row + 1u] = fma(first1, right1, fma(first0, right0, sums[at_row + 1u]));
      sums[at_row + 2u] = fma(second1, left1, fma(second0, left0, sums[at_row + 2u]));
      sums[at_row + 3u] = fma(second1, right1, fma(second0, right0, sums[at_row + 3u]));
      sums[at_row + 4u] = fma(third1, left1, fma(third0, left0, sums[at_row + 4u]));
      sums[at_row + 5u] = fma(third1, right1, fma(third0, right0, sums[at_row + 5u]));
      sums[at_row + 6u] = fma(fourth1, left1, fma(fourth0, left0, sums[at_row + 6u]));
      sums[at_row + 7u] = fma(fourth1, right1, fma(fourth0, right0, sums[at_row + 7u]));
    }
  }
  // A loop whose end is only known when the kernel runs is not unrolled: epilogues took seconds to compile.
  let stride = params.columns / 4u;
  for (var i = 0u; i / 2u < params.rows - first && i < 2u * ROWS; i++) {
    let column = (group.x * 2u + i % 2u) * WORKGROUP + local.x;
    if (column < stride) {
      store((first + i / 2u) * stride + column, column, sums[i]);
    }
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
