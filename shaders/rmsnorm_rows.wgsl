// forward of rmsnorm.wgsl, a lane a row: the variant for adapters that compute on the CPU.

struct Params {
  rows: u32,
  columns: u32, // C, a multiple of 8
  epsilon: f32,
}

const WORKGROUP: u32 = 8u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>; // [rows, columns]
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>; // [columns]
@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>; // [rows, columns]
@group(0) @binding(4) var<storage, read_write> inverse_rms_out: array<f32>; // [rows]

// include row_statistics

fn vector_of_row(i: u32) -> vec4<f32> {
  return x[i];
}

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
  let inverse = inverse_rms(start, params.columns, params.epsilon);
  for (var i = 0u; i < vectors; i++) {
    out[start + i] = x[start + i] * inverse * weight[i];
  }
  inverse_rms_out[row] = inverse;
}
