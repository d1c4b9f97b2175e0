// forward of layernorm.wgsl, a lane a row: the variant for adapters that compute on the CPU.
//
// The mathematics, with its letters and its order of sums, is that of layernorm.wgsl with eight lanes, each of which
// has every eighth column. Here a lane has all columns of its row and keeps eight sums: it loads four numbers at a
// time, which costs such adapters half of four loads, and waits for no other lane.

struct Params {
  rows: u32,
  columns: u32, // C, a multiple of 8
  epsilon: f32,
}

const WORKGROUP: u32 = 8u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>; // [rows, columns]
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>; // [columns]
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>; // [columns]
@group(0) @binding(4) var<storage, read_write> out: array<vec4<f32>>; // [rows, columns]
@group(0) @binding(5) var<storage, read_write> statistics_out: array<vec2<f32>>; // [rows] of (μ, r)

@compute @workgroup_size(WORKGROUP)
fn forward(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let row = id.x + id.y * groups.x * WORKGROUP;
  if (row >= params.rows) {
    return;
  }
  let vectors = params.columns / 4u;
  let start = row * vectors;
  var low = vec4<f32>();
  var high = vec4<f32>();
  for (var i = 0u; i < vectors; i += 2u) {
    low += x[start + i];
    high += x[start + i + 1u];
  }
  let mean = joined(low, high) / f32(params.columns);
  // As in layernorm.wgsl: squares of differences, and what rounding left in μ.
  var low_squares = vec4<f32>();
  var high_squares = vec4<f32>();
  low = vec4<f32>();
  high = vec4<f32>();
  for (var i = 0u; i < vectors; i += 2u) {
    let first = x[start + i] - mean;
    let second = x[start + i + 1u] - mean;
    low_squares += first * first;
    high_squares += second * second;
    low += first;
    high += second;
  }
  let square = joined(low_squares, high_squares) / f32(params.columns);
  let rest = joined(low, high) / f32(params.columns);
  let inverse = 1.0 / sqrt(max(square - rest * rest, 0.0) + params.epsilon);
  let centre = mean + rest;
  for (var i = 0u; i < vectors; i++) {
    out[start + i] = (x[start + i] - centre) * inverse * weight[i] + bias[i];
  }
  statistics_out[row] = vec2<f32>(centre, inverse);
}

fn joined(low: vec4<f32>, high: vec4<f32>) -> f32 {
  return low.x + low.y + low.z + low.w + high.x + high.y + high.z + high.w;
}
