// Layer normalisation of each row.
//
//   μ_n = Σ_c x[n, c] / C        r_n = 1 / √(Σ_c (x[n, c] − μ_n)² / C + epsilon)
//   h[n, c]   = (x[n, c] − μ_n) · r_n
//   out[n, c] = h[n, c] · weight[c] + bias[c]
//
// With g = ∂L/∂out and ĝ = g · weight:
//
//   ∂L/∂x[n, c]    = r_n · (ĝ[n, c] − Σ_k ĝ[n, k] / C − h[n, c] · Σ_k ĝ[n, k] · h[n, k] / C)
//   ∂L/∂weight[c]  = Σ_n g[n, c] · h[n, c]     ∂L/∂bias[c] = Σ_n g[n, c]
//                    (sums over chunks of rows here; reduce.wgsl adds them)
//
// forward and backward: one workgroup a row. partials: one thread a chunk and column.

struct Params {
  rows: u32,
  columns: u32, // C
  epsilon: f32,
}

struct BackwardParams {
  rows: u32,
  columns: u32,
  accumulate: u32, // 1: adds to what x_gradient holds
}

struct PartialsParams {
  rows: u32,
  columns: u32,
  chunk_rows: u32, // rows in a chunk; the last chunk may be shorter
}

const WORKGROUP: u32 = 64u; // lanes of a row; software adapters pay for every lane at a barrier and get 8

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read> weight: array<f32>; // [columns]
@group(0) @binding(3) var<storage, read> bias: array<f32>; // [columns]
@group(0) @binding(4) var<storage, read_write> out: array<f32>; // [rows, columns]
@group(0) @binding(5) var<storage, read_write> statistics_out: array<vec2<f32>>; // [rows] of (μ, r)
@group(0) @binding(6) var<storage, read> statistics: array<vec2<f32>>; // the same, to read
@group(0) @binding(7) var<storage, read> upstream: array<f32>; // [rows, columns]
@group(0) @binding(8) var<storage, read_write> x_gradient: array<f32>; // [rows, columns]
@group(0) @binding(9) var<storage, read_write> weight_partials: array<f32>; // [⌈rows / chunk_rows⌉, columns]
@group(0) @binding(10) var<storage, read_write> bias_partials: array<f32>; // [⌈rows / chunk_rows⌉, columns]
@group(0) @binding(11) var<uniform> backward_params: BackwardParams;
@group(0) @binding(12) var<uniform> partials_params: PartialsParams;

alias Value = vec2<f32>; // of a lane
// include reductions

@compute @workgroup_size(WORKGROUP)
fn forward(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.rows) {
    return;
  }
  let columns = params.columns;
  let start = row * columns;
  var total = 0.0;
  for (var c = lane; c < columns; c += WORKGROUP) {
    total += x[start + c];
  }
  let mean = sum_of_lanes(Value(total), lane).x / f32(columns);
  // A second pass: the difference of mean square and squared mean loses all digits where μ is large. The
  // part of each lane's sum that rounding left in μ is taken back by the second number.
  var squares = vec2(0.0, 0.0);
  for (var c = lane; c < columns; c += WORKGROUP) {
    let difference = x[start + c] - mean;
    squares += vec2(difference * difference, difference);
  }
  let moments = sum_of_lanes(squares, lane) / f32(columns);
  let inverse = 1.0 / sqrt(max(moments.x - moments.y * moments.y, 0.0) + params.epsilon);
  let centre = mean + moments.y;
  for (var c = lane; c < columns; c += WORKGROUP) {
    out[start + c] = (x[start + c] - centre) * inverse * weight[c] + bias[c];
  }
  if (lane == 0u) {
    statistics_out[row] = vec2(centre, inverse);
  }
}

@compute @workgroup_size(WORKGROUP)
fn backward(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= backward_params.rows) {
    return;
  }
  let columns = backward_params.columns;
  let start = row * columns;
  let mean = statistics[row].x;
  let inverse = statistics[row].y;
  var products = vec2(0.0, 0.0);
  for (var c = lane; c < columns; c += WORKGROUP) {
    let g = upstream[start + c] * weight[c];
    products += vec2(g, g * ((x[start + c] - mean) * inverse));
  }
  let means = sum_of_lanes(products, lane) / f32(columns);
  for (var c = lane; c < columns; c += WORKGROUP) {
    let normalised = (x[start + c] - mean) * inverse;
    let gradient = inverse * (upstream[start + c] * weight[c] - means.x - normalised * means.y);
    if (backward_params.accumulate == 1u) {
      x_gradient[start + c] += gradient;
    } else {
      x_gradient[start + c] = gradient;
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn partials(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  let columns = partials_params.columns;
  let first = (i / columns) * partials_params.chunk_rows;
  if (first >= partials_params.rows) {
    return;
  }
  let column = i % columns;
  let end = min(first + partials_params.chunk_rows, partials_params.rows);
  var weight_sum = 0.0;
  var bias_sum = 0.0;
  for (var row = first; row < end; row++) {
    let at = row * columns + column;
    let g = upstream[at];
    weight_sum += g * (x[at] - statistics[row].x) * statistics[row].y;
    bias_sum += g;
  }
  weight_partials[i] = weight_sum;
  bias_partials[i] = bias_sum;
}
