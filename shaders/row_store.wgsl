// Stores what row programs have kept: each row's newest keys and values go into the cache. A workgroup a row.
//
//   store            for instructions of STORE, the cache ← keys (source) and values (second) of each step, see
//                    attention_texture.wgsl
//   store_and_note   and `next` ← each row's newest token and its place, as sampling.wgsl notes them

struct Params {
  rows: u32,
  count: u32, // of instructions
  capacity: u32, // columns of tokens
  next_stride: u32, // columns of next
  kept: u32, // the vec4 at which what is kept of the first step begins
  kept_vectors: u32, // of each step
}

// include row_instruction
// include row_kept
// include texels

override WORKGROUP: u32 = 8;
// Of all instructions. Divisions by what is only known when the kernel runs cost more than the rest.
override HEAD_VECTORS: u32 = 8; // vec4s in a head
override KEY_HEADS: u32 = 1;
override TOGETHER: u32 = 1; // key heads that lie side by side in the cache

const IN_TEXTURE: u32 = 0u; // 1: what is kept lies in `kept_results`, 0: in `work`

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> program: array<Instruction>;
@group(0) @binding(2) var<storage, read> sequences: array<u32>; // [rows]
@group(0) @binding(3) var<storage, read_write> work: array<f32>;
@group(0) @binding(4) var cache_k: texture_storage_2d<rgba32float, write>; // layers of [B, Hk/G, T, G, D]
@group(0) @binding(5) var cache_v: texture_storage_2d<rgba32float, write>; // likewise
@group(0) @binding(6) var<storage, read> tokens: array<u32>; // [rows, capacity]
@group(0) @binding(7) var<storage, read> state: array<vec4<u32>>; // [rows], State of draw.wgsl: the length comes first
@group(0) @binding(8) var<storage, read_write> next: array<u32>; // [2, next_stride]: tokens, positions
@group(0) @binding(9) var kept_results: texture_storage_2d<r32float, read>; // of row_generation.wgsl

@compute @workgroup_size(WORKGROUP)
fn store(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row < params.rows) {
    store_row(row, lane);
  }
}

@compute @workgroup_size(WORKGROUP)
fn store_and_note(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.rows) {
    return;
  }
  store_row(row, lane);
  if (lane == 0u) {
    let position = state[row].x - 1u;
    next[row] = tokens[row * params.capacity + position];
    next[params.next_stride + row] = position;
  }
}

fn store_row(row: u32, lane: u32) {
  let first = kept_first(row);
  let sequence = sequences[row];
  for (var i = 0u; i < params.count; i++) {
    let now = program[i];
    let end = min(first + kept_count(row), now.form);
    for (var position = first; position < end; position++) {
      let kept = row * now.weight + (position - first) * params.kept_vectors;
      for (var column = lane; column < KEY_HEADS * HEAD_VECTORS; column += WORKGROUP) {
        // Where attention_texture.wgsl looks for it.
        let head = column / HEAD_VECTORS;
        let slot = slot_of(sequence, head, position, KEY_HEADS, now.form, TOGETHER);
        let place = texel(now.cached + slot * HEAD_VECTORS + column % HEAD_VECTORS);
        let at = kept + head * now.bias + column % HEAD_VECTORS;
        textureStore(cache_k, place, vector(now.source + at));
        textureStore(cache_v, place, vector(now.second + at));
      }
    }
  }
}

fn vector(i: u32) -> vec4<f32> {
  return vec4<f32>(number(4u * i), number(4u * i + 1u), number(4u * i + 2u), number(4u * i + 3u));
}

fn number(i: u32) -> f32 {
  if (IN_TEXTURE == 1u) {
    return textureLoad(kept_results, texel(i - 4u * params.kept)).x;
  }
  return work[i];
}
