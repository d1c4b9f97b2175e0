// Rotary position embedding, "rotate half" convention: within each head the pair (i, i + R/2) turns by
// the angle  position · frequencies[i],  i = 0 … R/2 − 1,  R = rotary_size; dimensions from R on pass.
//
//   out[i]       = x[i] · cos − x[i + R/2] · sin
//   out[i + R/2] = x[i + R/2] · cos + x[i] · sin
//
// The gradient is the rotation by the negative angle (direction = −1).
//
// Frequencies are kept in turns, see rotation.wgsl.
//
// One thread a row and lane; it computes one sine and cosine for all heads. Lanes 0 … R/2 − 1 turn a
// pair each, the others copy a dimension that passes.

struct Params {
  rows: u32,
  heads: u32,
  head_size: u32,
  rotary_size: u32,
  direction: f32, // 1 forward, −1 backward
}

override WORKGROUP: u32 = 64;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [rows, heads · head_size]
@group(0) @binding(2) var<storage, read> positions: array<u32>; // [rows]
@group(0) @binding(3) var<storage, read> frequencies: array<u32>; // [R/2], in 2⁻³² turns a position
@group(0) @binding(4) var<storage, read_write> out: array<f32>; // [rows, heads · head_size]

// include rotation

@compute @workgroup_size(WORKGROUP)
fn rotate(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let thread = id.x + id.y * groups.x * WORKGROUP;
  let half_size = params.rotary_size / 2u;
  let lanes = params.head_size - half_size;
  let row = thread / lanes;
  let lane = thread % lanes;
  if (row >= params.rows) {
    return;
  }
  let start = row * params.heads * params.head_size;
  let end = start + params.heads * params.head_size;
  if (lane >= half_size) {
    for (var at = start + half_size + lane; at < end; at += params.head_size) {
      out[at] = x[at];
    }
    return;
  }
  let turn = cosine_and_sine(positions[row] * frequencies[lane]);
  let c = turn.x;
  let s = turn.y * params.direction;
  for (var at = start + lane; at < end; at += params.head_size) {
    let first = x[at];
    let second = x[at + half_size];
    out[at] = first * c - second * s;
    out[at + half_size] = second * c + first * s;
  }
}
