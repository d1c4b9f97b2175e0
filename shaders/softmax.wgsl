// Softmax of each row: one workgroup a row, its lanes striding over the columns.
//
//   forward    out[r, j] = exp(x[r, j] − m) / Σₖ exp(x[r, k] − m),   m = maxₖ x[r, k]
//   backward   gradient[r, j] = out[r, j] · (upstream[r, j] − Σₖ out[r, k] · upstream[r, k])

struct Params {
  rows: u32,
  columns: u32,
}

const WORKGROUP: u32 = 64u;
const LOWEST: f32 = -1e30;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [rows, columns], read by backward
@group(0) @binding(3) var<storage, read> upstream: array<f32>; // [rows, columns]
@group(0) @binding(4) var<storage, read_write> gradient: array<f32>; // [rows, columns]

alias Value = f32; // of a lane
// include reductions

@compute @workgroup_size(WORKGROUP)
fn forward(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.rows) {
    return;
  }
  let start = row * params.columns;
  let end = start + params.columns;

  var largest = LOWEST;
  for (var i = start + lane; i < end; i += WORKGROUP) {
    largest = max(largest, x[i]);
  }
  largest = max_of_lanes(largest, lane);

  var sum = 0.0;
  for (var i = start + lane; i < end; i += WORKGROUP) {
    let weight = exp(x[i] - largest);
    out[i] = weight;
    sum += weight;
  }
  sum = sum_of_lanes(sum, lane);
  for (var i = start + lane; i < end; i += WORKGROUP) {
    out[i] /= sum;
  }
}

@compute @workgroup_size(WORKGROUP)
fn backward(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.rows) {
    return;
  }
  let start = row * params.columns;
  let end = start + params.columns;

  var mean = 0.0;
  for (var i = start + lane; i < end; i += WORKGROUP) {
    mean += out[i] * upstream[i];
  }
  mean = sum_of_lanes(mean, lane);
  for (var i = start + lane; i < end; i += WORKGROUP) {
    gradient[i] = out[i] * (upstream[i] - mean);
  }
}
