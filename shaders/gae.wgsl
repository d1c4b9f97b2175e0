// Generalised advantage estimation (Schulman et al. 2016, arXiv 1506.02438) over the GENERATED tokens
// of each row; t + 1 is the next generated token, and V = A = 0 after the last one.
//
//   δ[t] = r[t] + γ · V[t + 1] − V[t]
//   A[t] = δ[t] + γ λ · A[t + 1]
//   R[t] = A[t] + V[t]
//
// One thread a row: the recursion is sequential and rows are short.

struct Params {
  rows: u32, // B
  columns: u32, // T
  gamma: f32,
  lambda: f32,
}

override WORKGROUP: u32 = 64;

const GENERATED: u32 = 3u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rewards: array<f32>; // [B, T]
@group(0) @binding(2) var<storage, read> values: array<f32>; // [B, T]
@group(0) @binding(3) var<storage, read> roles: array<u32>; // [B, T]
@group(0) @binding(4) var<storage, read_write> advantages: array<f32>; // [B, T]
@group(0) @binding(5) var<storage, read_write> returns: array<f32>; // [B, T]

@compute @workgroup_size(WORKGROUP)
fn generalized_advantage(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.x;
  if (row >= params.rows) {
    return;
  }
  var next_value = 0.0;
  var next_advantage = 0.0;
  for (var column = params.columns; column > 0u; column--) {
    let i = row * params.columns + column - 1u;
    if (roles[i] != GENERATED) {
      advantages[i] = 0.0;
      returns[i] = 0.0;
      continue;
    }
    let value = values[i];
    let delta = rewards[i] + params.gamma * next_value - value;
    next_advantage = delta + params.gamma * params.lambda * next_advantage;
    next_value = value;
    advantages[i] = next_advantage;
    returns[i] = next_advantage + value;
  }
}
