// Elementwise kernels: one thread an element, over any shape.
//
//   add_in_place   total[i] ← total[i] + factor · x[i]
//   scale          out[i] = factor · x[i]

struct Params {
  count: u32,
  factor: f32,
}

override WORKGROUP: u32 = 64;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> total: array<f32>; // [count]
@group(0) @binding(2) var<storage, read> x: array<f32>; // [count]
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [count]

fn element(id: vec3<u32>, groups: vec3<u32>) -> u32 {
  return id.x + id.y * groups.x * WORKGROUP;
}

@compute @workgroup_size(WORKGROUP)
fn add_in_place(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = element(id, groups);
  if (i < params.count) {
    total[i] += params.factor * x[i];
  }
}

@compute @workgroup_size(WORKGROUP)
fn scale(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = element(id, groups);
  if (i < params.count) {
    out[i] = params.factor * x[i];
  }
}
