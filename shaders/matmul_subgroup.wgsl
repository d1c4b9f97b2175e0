// Matrix product where subgroups exist: the variant for adapters that compute on the CPU.
//
//   out[m, n] ← Σₖ A[m, k] · B[k, n]  (+ bias[n])  (+ residual[m, n])  (+ out[m, n]), or x · Φ(x) of that
//
// Each subgroup's worth of lanes makes a tile of ROWS rows by 8·WORKGROUP columns. A lane owns two vec4 of columns. In
// a step of two k, eight lanes load four rows of A at a time, one element each, and hand them round: so a load of B
// serves ROWS rows and one of A all the columns, without workgroup memory. Software adapters load element by element,
// with a check for each, at the price of about ten multiply-adds. The tile is as large, and the step as short, as
// leaves the machine code of a step within 32 KiB of instruction cache: a longer one waits for instructions. Rows and
// columns past the end are those of the last, computed once more and not stored.
// Needs subgroups of at least 8 lanes; larger ones hold the eight elements several times over.
enable subgroups;

alias stored = f32; // B: f16 where a weight is stored so

struct Params {
  rows: u32, // M
  columns: u32, // N, a multiple of 4
  inner: u32, // K; where B is [N, K], a multiple of STEP
  with_bias: u32, // 1: the epilogue adds it
  with_residual: u32,
  with_accumulate: u32, // 1: adds to what `out` holds
}

override WORKGROUP: u32 = 8;
override TRANSPOSE_A: bool = false; // A is stored [K, M]
override GELU: u32 = 0; // 1: the epilogue ends with x · Φ(x) in its erf form; 2: in its tanh form

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>; // [M, K], or [K, M]
@group(0) @binding(2) var<storage, read> b: array<vec4<stored>>; // [K, N]
@group(0) @binding(3) var<storage, read> b_transposed: array<vec2<stored>>; // [N, K]
@group(0) @binding(4) var<storage, read> bias: array<vec4<f32>>; // [N]
@group(0) @binding(5) var<storage, read> residual: array<vec4<f32>>; // [M, N]
@group(0) @binding(6) var<storage, read_write> out: array<vec4<f32>>; // [M, N]

const STEP: u32 = 2u; // of k
const ROWS_OF_LOAD: u32 = 4u; // of A: eight lanes hold so many rows by STEP
const ROWS: u32 = 32u; // a multiple of ROWS_OF_LOAD

var<private> sums: array<vec4<f32>, 2u * ROWS>; // of each row the left vec4, then the right

// Adds what two k give, from the lane's columns of B at the first of them and at the second.
fn add_step(
  first_row: u32, // of the tile
  k: u32,
  lane: u32,
  left0: vec4<f32>,
  right0: vec4<f32>,
  left1: vec4<f32>,
  right1: vec4<f32>,
) {
  var mine: array<f32, ROWS / ROWS_OF_LOAD>;
  for (var i = 0u; i < ROWS / ROWS_OF_LOAD; i++) {
    let row = min(first_row + i * ROWS_OF_LOAD + lane / STEP % ROWS_OF_LOAD, params.rows - 1u);
    mine[i] = element_of_a(row, k + lane % STEP);
  }
  for (var i = 0u; i < ROWS / ROWS_OF_LOAD; i++) {
    let x = mine[i];
    let first0 = vec4<f32>(subgroupShuffle(x, 0u));
    let first1 = vec4<f32>(subgroupShuffle(x, 1u));
    let second0 = vec4<f32>(subgroupShuffle(x, 2u));
    let second1 = vec4<f32>(subgroupShuffle(x, 3u));
    let third0 = vec4<f32>(subgroupShuffle(x, 4u));
    let third1 = vec4<f32>(subgroupShuffle(x, 5u));
    let fourth0 = vec4<f32>(subgroupShuffle(x, 6u));
    let fourth1 = vec4<f32>(subgroupShuffle(x, 7u));
    let at = i * 2u * ROWS_OF_LOAD;
    sums[at] = fma(first1, left1, fma(first0, left0, sums[at]));
    sums[at + 1u] = fma(first1, right1, fma(first0, right0, sums[at + 1u]));
    sums[at + 2u] = fma(second1, left1, fma(second0, left0, sums[at + 2u]));
    sums[at + 3u] = fma(second1, right1, fma(second0, right0, sums[at + 3u]));
    sums[at + 4u] = fma(third1, left1, fma(third0, left0, sums[at + 4u]));
    sums[at + 5u] = fma(third1, right1, fma(third0, right0, sums[at + 5u]));
    sums[at + 6u] = fma(fourth1, left1, fma(fourth0, left0, sums[at + 6u]));
    sums[at + 7u] = fma(fourth1, right1, fma(fourth0, right0, sums[at + 7u]));
  }
}

// Past the end of a row its last element meets a zero of B: what is not finite stays in its row.
fn element_of_a(row: u32, k: u32) -> f32 {
  let at = min(k, params.inner - 1u);
  return a[select(row * params.inner + at, at * params.rows + row, TRANSPOSE_A)];
}

@compute @workgroup_size(WORKGROUP)
fn product(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let stride = params.columns / 4u;
  let columns = min(columns_of(group.x, local.x), vec2<u32>(stride - 1u));
  var left = columns.x;
  var right = columns.y;
  for (var k = 0u; k < params.inner; k += STEP) {
    add_step(
      group.y * ROWS,
      k,
      lane,
      vec4<f32>(b[left]),
      vec4<f32>(b[right]),
      select(vec4<f32>(), vec4<f32>(b[left + stride]), k + 1u < params.inner),
      select(vec4<f32>(), vec4<f32>(b[right + stride]), k + 1u < params.inner),
    );
    left += STEP * stride;
    right += STEP * stride;
  }
  finish(group, local.x);
}

@compute @workgroup_size(WORKGROUP)
fn product_transposed(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let stride = params.inner / STEP;
  let columns = min(columns_of(group.x, local.x), vec2<u32>(params.columns / 4u - 1u)) * 4u * stride;
  var left = columns.x;
  var right = columns.y;
  for (var k = 0u; k < params.inner; k += STEP) {
    let left_x = vec2<f32>(b_transposed[left]);
    let left_y = vec2<f32>(b_transposed[left + stride]);
    let left_z = vec2<f32>(b_transposed[left + 2u * stride]);
    let left_w = vec2<f32>(b_transposed[left + 3u * stride]);
    let right_x = vec2<f32>(b_transposed[right]);
    let right_y = vec2<f32>(b_transposed[right + stride]);
    let right_z = vec2<f32>(b_transposed[right + 2u * stride]);
    let right_w = vec2<f32>(b_transposed[right + 3u * stride]);
    add_step(
      group.y * ROWS,
      k,
      lane,
      vec4<f32>(left_x[0], left_y[0], left_z[0], left_w[0]),
      vec4<f32>(right_x[0], right_y[0], right_z[0], right_w[0]),
      vec4<f32>(left_x[1], left_y[1], left_z[1], left_w[1]),
      vec4<f32>(right_x[1], right_y[1], right_z[1], right_w[1]),
    );
    left++;
    right++;
  }
  finish(group, local.x);
}

// The two vec4s of columns that a lane owns.
fn columns_of(tile: u32, lane: u32) -> vec2<u32> {
  let first = tile * 2u * WORKGROUP + lane;
  return vec2<u32>(first, first + WORKGROUP);
}

// Stores the tile. A loop whose end is only known when the kernel runs is not unrolled: so many epilogues took
// seconds to compile.
fn finish(group: vec3<u32>, lane: u32) {
  let first_row = group.y * ROWS;
  let stride = params.columns / 4u;
  let columns = columns_of(group.x, lane);
  for (var i = 0u; i / 2u < params.rows - first_row && i < 2u * ROWS; i++) {
    let column = columns[i % 2u];
    if (column < stride) {
      store((first_row + i / 2u) * stride + column, column, sums[i]);
    }
  }
}

// include gaussian

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
  if (GELU > 0u) {
    value = gelu_of_four(value, GELU == 2u);
  }
  out[i] = value;
}
