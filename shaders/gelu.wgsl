// The Gaussian error linear unit, one thread an element, with Φ in one of the two forms of gaussian.wgsl:
//
//   out = x · Φ(x)              ∂out/∂x = Φ(x) + x · Φ'(x)

struct Params {
  count: u32,
  tanh_form: u32, // 1: tanh form, 0: erf form
}

override WORKGROUP: u32 = 64;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [count]
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [count]
@group(0) @binding(3) var<storage, read> upstream: array<f32>; // [count]
@group(0) @binding(4) var<storage, read_write> x_gradient: array<f32>; // [count]

// include gaussian

@compute @workgroup_size(WORKGROUP)
fn forward(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i < params.count) {
    out[i] = x[i] * distribution(x[i], params.tanh_form == 1u).x;
  }
}

@compute @workgroup_size(WORKGROUP)
fn backward(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i < params.count) {
    let phi = distribution(x[i], params.tanh_form == 1u);
    x_gradient[i] = upstream[i] * (phi.x + x[i] * phi.y);
  }
}
