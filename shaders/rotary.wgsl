// Rotary position embedding, "rotate half" convention: within each head the pair (i, i + R/2) turns by
// the angle  position · frequencies[i],  i = 0 … R/2 − 1,  R = rotary_size; dimensions from R on pass.
//
//   out[i]       = x[i] · cos − x[i + R/2] · sin
//   out[i + R/2] = x[i + R/2] · cos + x[i] · sin
//
// The gradient is the rotation by the negative angle (direction = −1).
//
// Frequencies and angles are kept in turns, as 32-bit fixed point (2³² = one turn): their product then
// wraps around by whole turns by itself, where an f32 angle of 4096 radians would be off by 2·10⁻⁴. Sine
// and cosine are polynomials, for WGSL promises only 2⁻¹¹ of the built-in ones.
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

const RADIANS_PER_UNIT: f32 = 1.4629180792671596e-9; // 2π / 2³²

// (cosine, sine) of an angle in turns: the nearest quarter turn, and the minimax polynomials of Cephes
// (sinf.c) over the ±π/4 that remain.
fn cosine_and_sine(turns: u32) -> vec2<f32> {
  let quarter = (turns + (1u << 29u)) >> 30u;
  let angle = f32(bitcast<i32>(turns - (quarter << 30u))) * RADIANS_PER_UNIT;
  let z = angle * angle;
  let s = angle + angle * z * (-1.6666654611e-1 + z * (8.3321608736e-3 - z * 1.9515295891e-4));
  let c = 1.0 - 0.5 * z +
    z * z * (4.166664568298827e-2 + z * (-1.388731625493765e-3 + z * 2.443315711809948e-5));
  let swapped = select(vec2(c, s), vec2(-s, c), (quarter & 1u) == 1u);
  return select(swapped, -swapped, (quarter & 2u) == 2u);
}

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
