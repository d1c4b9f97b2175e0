// Root-mean-square normalisation of each row.
//
//   r_n = 1 / √(Σ_c x[n, c]² / C + epsilon)
//   out[n, c] = x[n, c] · r_n · weight[c]
//
// With g = ∂L/∂out:
//
//   ∂L/∂x[n, c]    = r_n · g[n, c] · weight[c] − x[n, c] · r_n³ / C · Σ_k g[n, k] · weight[k] · x[n, k]
//   ∂L/∂weight[c]  = Σ_n g[n, c] · x[n, c] · r_n       (sums over chunks of rows here; reduce.wgsl adds them)
//
// forward and backward: one workgroup a row. weight_partials: one thread a chunk and column.

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
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [rows, columns]
@group(0) @binding(4) var<storage, read_write> inverse_rms_out: array<f32>; // [rows]
@group(0) @binding(5) var<storage, read> inverse_rms: array<f32>; // [rows]
@group(0) @binding(6) var<storage, read> upstream: array<f32>; // [rows, columns]
@group(0) @binding(7) var<storage, read_write> x_gradient: array<f32>; // [rows, columns]
@group(0) @binding(8) var<storage, read_write> partials: array<f32>; // [⌈rows / chunk_rows⌉, columns]
@group(0) @binding(9) var<uniform> backward_params: BackwardParams;
@group(0) @binding(10) var<uniform> partials_params: PartialsParams;

alias Value = f32; // of a lane
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
  let start = row * params.columns;
  var squares = 0.0;
  for (var c = lane; c < params.columns; c += WORKGROUP) {
    let value = x[start + c];
    squares += value * value;
  }
  let mean = sum_of_lanes(squares, lane) / f32(params.columns);
  let inverse = 1.0 / sqrt(mean + params.epsilon);
  for (var c = lane; c < params.columns; c += WORKGROUP) {
    out[start + c] = x[start + c] * inverse * weight[c];
  }
  if (lane == 0u) {
    inverse_rms_out[row] = inverse;
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
  // Both sides of the subtraction are taken in normalised x: r_n³ alone overflows for tiny rows.
  let inverse = inverse_rms[row];
  var products = 0.0;
  for (var c = lane; c < columns; c += WORKGROUP) {
    products += upstream[start + c] * weight[c] * (x[start + c] * inverse);
  }
  let mean = sum_of_lanes(products, lane) / f32(columns);
  for (var c = lane; c < columns; c += WORKGROUP) {
    let normalised = x[start + c] * inverse;
    let gradient = inverse * (upstream[start + c] * weight[c] - normalised * mean);
    if (backward_params.accumulate == 1u) {
      x_gradient[start + c] += gradient;
    } else {
      x_gradient[start + c] = gradient;
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn weight_partials(
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
  var sum = 0.0;
  for (var row = first; row < end; row++) {
    let at = row * columns + column;
    sum += upstream[at] * x[at] * inverse_rms[row];
  }
  partials[i] = sum;
}
