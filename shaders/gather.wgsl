// Rows of a matrix by index, and the way back; each is the gradient of the other. One thread an element
// of the matrix of G rows.
//
//   gather_rows    out[g, c] = x[indices[g], c]
//   scatter_rows   out[indices[g], c] = x[g, c]      (indices distinct; the other rows are left alone)
//
// An index of N or more gathers zeros and scatters nothing, so the two stay each other's gradient.

struct Params {
  count: u32, // G
  columns: u32, // C
  rows: u32, // N
}

override WORKGROUP: u32 = 64;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // gather_rows: [N, C]; scatter_rows: [G, C]
@group(0) @binding(2) var<storage, read> indices: array<u32>; // [G]
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // gather_rows: [G, C]; scatter_rows: [N, C]

@compute @workgroup_size(WORKGROUP)
fn gather_rows(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  let g = i / params.columns;
  if (g < params.count) {
    var value = 0.0;
    if (indices[g] < params.rows) {
      value = x[indices[g] * params.columns + i % params.columns];
    }
    out[i] = value;
  }
}

@compute @workgroup_size(WORKGROUP)
fn scatter_rows(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  let g = i / params.columns;
  if (g < params.count && indices[g] < params.rows) {
    out[indices[g] * params.columns + i % params.columns] = x[i];
  }
}
