// Rewards of episodes from a score per episode and a penalty on the divergence from the reference.
//
//   r[b, t] = −κ · (log π[b, t] − log π_ref[b, t])  (+ score[b] where t is the last GENERATED token of b)
//
// where role[b, t] = GENERATED, and 0 elsewhere. One thread a row: rows are short, and the last
// generated token is found by walking the row from its end.

struct Params {
  rows: u32, // B
  columns: u32, // T
  kl_coefficient: f32, // κ
}

override WORKGROUP: u32 = 64;

const GENERATED: u32 = 3u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> scores: array<f32>; // [B]
@group(0) @binding(2) var<storage, read> log_probs: array<f32>; // [B, T]
@group(0) @binding(3) var<storage, read> reference_log_probs: array<f32>; // [B, T]
@group(0) @binding(4) var<storage, read> roles: array<u32>; // [B, T]
@group(0) @binding(5) var<storage, read_write> rewards: array<f32>; // [B, T]

@compute @workgroup_size(WORKGROUP)
fn shape_rewards(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.x;
  if (row >= params.rows) {
    return;
  }
  var last = true;
  for (var column = params.columns; column > 0u; column--) {
    let i = row * params.columns + column - 1u;
    var reward = 0.0;
    if (roles[i] == GENERATED) {
      reward = -params.kl_coefficient * (log_probs[i] - reference_log_probs[i]);
      if (last) {
        reward += scores[row];
        last = false;
      }
    }
    rewards[i] = reward;
  }
}
