// Weights of row programs that are stored [N, K], turned to [K, N]: that is how row_product.wgsl reads them. A lane has
// four rows by four columns, and they lie in `weights` after those that need not be turned.

struct Params {
  rows: u32, // N, a multiple of 4
  columns: u32, // K, a multiple of 4
  start: u32, // where the weight begins in `stored`, and
  into: u32, // in `weights`, in vec4s
}

override WORKGROUP: u32 = 8;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> stored: array<vec4<f32>>;
@group(0) @binding(2) var weights: texture_storage_2d<rgba32float, write>;

// include texels

@compute @workgroup_size(WORKGROUP)
fn turn(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let rows = params.rows / 4u;
  let columns = params.columns / 4u;
  let i = (group.x + group.y * groups.x) * WORKGROUP + lane;
  if (i >= rows * columns) {
    return;
  }
  let row = i / columns;
  let column = i % columns;
  let start = params.start + 4u * row * columns + column;
  let a = stored[start];
  let b = stored[start + columns];
  let c = stored[start + 2u * columns];
  let d = stored[start + 3u * columns];
  let into = params.into + 4u * column * rows + row;
  textureStore(weights, texel(into), vec4<f32>(a.x, b.x, c.x, d.x));
  textureStore(weights, texel(into + rows), vec4<f32>(a.y, b.y, c.y, d.y));
  textureStore(weights, texel(into + 2u * rows), vec4<f32>(a.z, b.z, c.z, d.z));
  textureStore(weights, texel(into + 3u * rows), vec4<f32>(a.w, b.w, c.w, d.w));
}
