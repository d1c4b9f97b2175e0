// Matrix product where subgroups exist: the variant for adapters that compute on the CPU.
//
//   out[m, n] ← Σₖ A[m, k] · B[k, n]  (+ bias[n])  (+ residual[m, n])  (+ out[m, n]), or x · Φ(x) of that
//
// Each subgroup's worth of lanes makes a tile of ROWS rows by 8·WORKGROUP columns (subgroup_tile.wgsl). Rows and
// columns past the end are those of the last, computed once more and not stored.
// Needs subgroups of at least 8 lanes.
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

// include subgroup_tile

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
      params.rows - 1u,
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
      params.rows - 1u,
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
