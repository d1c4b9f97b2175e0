// Copies between layouts of attention heads. H heads of D numbers; N rows.
//
//   split    q, k, v[n, h, d] = fused[n, h · head_stride + {0, 1, 2} · part_stride + d]
//   merge    the reverse, and so the gradient of split
//   resize   out[n, h, d] = x[n, h, d] where d < from_size, else 0, for d < to_size; it pads heads to the
//            multiple of 4 that the attention kernels take, and with the sizes exchanged crops them again
//
// GPT-2 stores all queries, then all keys, then all values: part_stride = H · D, head_stride = D.
// GPT-NeoX stores q, k and v of one head together: part_stride = D, head_stride = 3 · D.
// One thread a number of q (split, merge) or of out (resize).

struct Params {
  rows: u32,
  part_stride: u32,
  head_stride: u32,
}

struct ResizeParams {
  count: u32, // rows · heads · to_size
  from_size: u32,
  to_size: u32,
}

override WORKGROUP: u32 = 64;
// A model has one number of heads, of one size. Compiled in, they cost software adapters no division.
override HEADS: u32 = 1;
override HEAD_SIZE: u32 = 4; // D

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> fused: array<f32>; // [rows, 3 · heads · D]
@group(0) @binding(2) var<storage, read_write> q: array<f32>; // [rows, heads · D]
@group(0) @binding(3) var<storage, read_write> k: array<f32>; // [rows, heads · D]
@group(0) @binding(4) var<storage, read_write> v: array<f32>; // [rows, heads · D]
@group(0) @binding(5) var<storage, read> d_q: array<f32>; // [rows, heads · D]
@group(0) @binding(6) var<storage, read> d_k: array<f32>; // [rows, heads · D]
@group(0) @binding(7) var<storage, read> d_v: array<f32>; // [rows, heads · D]
@group(0) @binding(8) var<storage, read_write> d_fused: array<f32>; // [rows, 3 · heads · D]
@group(0) @binding(9) var<uniform> resize_params: ResizeParams;
@group(0) @binding(10) var<storage, read> x: array<f32>; // [rows · heads, from_size]
@group(0) @binding(11) var<storage, read_write> out: array<f32>; // [rows · heads, to_size]

// Where the query number of thread i lies in the fused rows.
fn fused_place(i: u32) -> u32 {
  let width = HEADS * HEAD_SIZE;
  let column = i % width;
  let head = column / HEAD_SIZE;
  return (i / width) * 3u * width + head * params.head_stride + column % HEAD_SIZE;
}

@compute @workgroup_size(WORKGROUP)
fn split(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.rows * HEADS * HEAD_SIZE) {
    return;
  }
  let place = fused_place(i);
  q[i] = fused[place];
  k[i] = fused[place + params.part_stride];
  v[i] = fused[place + 2u * params.part_stride];
}

@compute @workgroup_size(WORKGROUP)
fn merge(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= params.rows * HEADS * HEAD_SIZE) {
    return;
  }
  let place = fused_place(i);
  d_fused[place] = d_q[i];
  d_fused[place + params.part_stride] = d_k[i];
  d_fused[place + 2u * params.part_stride] = d_v[i];
}

@compute @workgroup_size(WORKGROUP)
fn resize(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= resize_params.count) {
    return;
  }
  let d = i % resize_params.to_size;
  let first = (i / resize_params.to_size) * resize_params.from_size;
  if (d < resize_params.from_size) {
    out[i] = x[first + d];
  } else {
    out[i] = 0.0;
  }
}
