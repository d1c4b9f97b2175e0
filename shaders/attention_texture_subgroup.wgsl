// decode of attention.wgsl with the cache in textures, where subgroups exist: eight lanes load keys together and hand
// round what they find. Needs subgroups of at least 8 lanes, and a head size of at most 32 or a multiple of that.
enable subgroups;

// include cache_params
// include texels
// include texture_cache
// include cache_attention

var<private> sequence: u32;
var<private> first_head: u32; // of the workgroup's; those of the next key head begin `heads_of_key` later
var<private> heads_of_key: u32;
var<private> keys: u32; // the texel at which their keys, and values, begin

// A workgroup a sequence, TOGETHER key heads and SHARED query heads of each.
@compute @workgroup_size(8)
fn decode(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  sequence = group.y;
  heads_of_key = cache.heads / cache.key_heads;
  let part = group.x % (heads_of_key / SHARED);
  let key_group = group.x / (heads_of_key / SHARED);
  first_head = key_group * TOGETHER * heads_of_key + part * SHARED;
  keys = cache.first +
    (sequence * (cache.key_heads / TOGETHER) + key_group) * cache.capacity * TOGETHER * HEAD_VECTORS;
  begin_row(lane);
  attend_to(0u, min(positions[group.y] + 1u, cache.capacity), false, lane);
  put_heads(lane);
}

fn query_vector(g: u32, h: u32, i: u32) -> vec4<f32> {
  let head = first_head + g * heads_of_key + h;
  return cache.scale * q[cache.q_first + sequence * cache.q_row + head * cache.q_head + i];
}

fn key_vector(j: u32, g: u32, o: u32, is_kept: bool, lane: u32) -> vec4<f32> {
  return textureLoad(cached_k, texel(keys + (j * TOGETHER + g) * HEAD_VECTORS + vector_of(o, lane)));
}

fn value_vector(j: u32, g: u32, o: u32, is_kept: bool, lane: u32) -> vec4<f32> {
  return textureLoad(cached_v, texel(keys + (j * TOGETHER + g) * HEAD_VECTORS + vector_of(o, lane)));
}

fn put(g: u32, h: u32, i: u32, value: vec4<f32>) {
  let head = first_head + g * heads_of_key + h;
  out[(sequence * cache.heads + head) * HEAD_VECTORS + i] = value;
}
