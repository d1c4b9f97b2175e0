// The gated activation of SwiGLU, one thread an element.
//
//   σ(g) = 1 / (1 + e^−g)          silu(g) = g · σ(g)
//   out = silu(gate) · up
//
// With u = ∂L/∂out:
//
//   ∂L/∂up   = u · silu(gate)
//   ∂L/∂gate = u · up · σ(gate) · (1 + gate · σ(−gate))

struct Params {
  count: u32,
}

override WORKGROUP: u32 = 64;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gate: array<f32>; // [count]
@group(0) @binding(2) var<storage, read> up: array<f32>; // [count]
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [count]
@group(0) @binding(4) var<storage, read> upstream: array<f32>; // [count]
@group(0) @binding(5) var<storage, read_write> gate_gradient: array<f32>; // [count]
@group(0) @binding(6) var<storage, read_write> up_gradient: array<f32>; // [count]

// include logistic

@compute @workgroup_size(WORKGROUP)
fn forward(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i < params.count) {
    let g = gate[i];
    out[i] = g * sigmoids(g).x * up[i];
  }
}

@compute @workgroup_size(WORKGROUP)
fn backward(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i < params.count) {
    let g = gate[i];
    let sigma = sigmoids(g);
    up_gradient[i] = upstream[i] * g * sigma.x;
    gate_gradient[i] = upstream[i] * up[i] * sigma.x * (1.0 + g * sigma.y);
  }
}
