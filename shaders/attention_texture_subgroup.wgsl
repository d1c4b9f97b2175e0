// decode of attention.wgsl with the cache in textures, where subgroups exist: eight lanes load keys together and hand
// round what they find. Needs subgroups of at least 8 lanes, and a head size of at most 32 or a multiple of that.
enable subgroups;

// include cache_params
// include texels
// include texture_cache
// include cache_attention

var<private> queries: u32; // the vec4 at which those of the workgroup's heads begin
var<private> keys: u32; // the texel at which their keys, and values, begin
var<private> results: u32;

// A workgroup a sequence and SHARED heads.
@compute @workgroup_size(8)
fn decode(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let head = group.x * SHARED;
  let sequence = group.y;
  let key_head = head / (cache.heads / cache.key_heads);
  queries = cache.q_first + sequence * cache.q_row + head * cache.q_head;
  keys = cache.first + (sequence * cache.key_heads + key_head) * cache.capacity * HEAD_VECTORS;
  results = (sequence * cache.heads + head) * HEAD_VECTORS;
  attend_to(min(positions[sequence] + 1u, cache.capacity), lane);
}

fn query_vector(h: u32, i: u32) -> vec4<f32> {
  return cache.scale * q[queries + h * cache.q_head + i];
}

fn key_vector(j: u32, o: u32, lane: u32) -> vec4<f32> {
  return textureLoad(cached_k, texel(keys + j * HEAD_VECTORS + vector_of(o, lane)));
}

fn value_vector(j: u32, o: u32, lane: u32) -> vec4<f32> {
  return textureLoad(cached_v, texel(keys + j * HEAD_VECTORS + vector_of(o, lane)));
}

fn put(h: u32, i: u32, value: vec4<f32>) {
  out[results + h * HEAD_VECTORS + i] = value;
}
