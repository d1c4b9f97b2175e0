// The last token of each row and its place: the input of the next decoding step, without a read-back.
//
//   last[b] ← tokens[b, length_b − 1],  positions[b] ← length_b − 1

struct Params {
  rows: u32, // B
  capacity: u32, // T
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> tokens: array<u32>; // [B, T]
@group(0) @binding(2) var<storage, read> state: array<vec4<u32>>; // [B] of (length, limit, done, episode)
@group(0) @binding(3) var<storage, read_write> last: array<u32>; // [B]
@group(0) @binding(4) var<storage, read_write> positions: array<u32>; // [B]

@compute @workgroup_size(64)
fn last_rows(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let row = id.x + id.y * groups.x * 64u;
  if (row < params.rows) {
    let position = state[row].x - 1u;
    last[row] = tokens[row * params.capacity + position];
    positions[row] = position;
  }
}
