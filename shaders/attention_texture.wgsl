// decode and store of attention.wgsl with the cache in textures: the variant for adapters that compute on the CPU.
//
// The mathematics, with its letters and its order of sums, is that of attention.wgsl. Such adapters load numbers of
// a storage buffer one by one, each behind two tests, but the four of a storage texture's texel at once. Decoding
// loads every key and value for a single use, so loads are what it takes: here each serves all query heads that
// share it.

const HEAD_VECTORS: u32 = 4u; // vec4s in a head: head size / 4
const SHARED: u32 = 1u; // query heads of a workgroup; all have the same key head
const LANES: u32 = 8u; // of a workgroup
const KEY_HEADS: u32 = 1u; // of a row that is stored; compiled in, for such adapters divide number by number
const TOGETHER: u32 = 1u; // of those
// A loop over a large head is not unrolled, as in attention.wgsl.
override UNROLL: bool = true;

const VECTORS: u32 = SHARED * HEAD_VECTORS;

// include cache_params
// include texels
// include texture_cache

const MASKED: f32 = -1e30;

var<workgroup> lane_largest: array<array<f32, SHARED>, LANES>;
var<workgroup> lane_total: array<array<f32, SHARED>, LANES>;
var<workgroup> lane_sum: array<array<vec4<f32>, VECTORS>, LANES>;

// A workgroup a sequence and SHARED heads; its lanes share out the keys and join their sums at the end.
@compute @workgroup_size(LANES)
fn decode(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
) {
  let size = select(cache.head_vectors, HEAD_VECTORS, UNROLL);
  let head = group.x * SHARED;
  let sequence = group.y;
  let key_head = head / (cache.heads / cache.key_heads);
  let length = min(positions[sequence] + 1u, cache.capacity);
  var query: array<vec4<f32>, VECTORS>;
  var sum: array<vec4<f32>, VECTORS>;
  var largest: array<f32, SHARED>;
  var total: array<f32, SHARED>;
  for (var h = 0u; h < SHARED; h++) {
    let query_at = cache.q_first + sequence * cache.q_row + (head + h) * cache.q_head;
    for (var d = 0u; d < size; d++) {
      query[h * HEAD_VECTORS + d] = cache.scale * q[query_at + d];
    }
    largest[h] = MASKED;
  }
  for (var j = local.x; j < length; j += LANES) {
    let slot = slot_of(sequence, key_head, j, cache.key_heads, cache.capacity, cache.together);
    let key = cache.first + slot * HEAD_VECTORS;
    var score = array<f32, SHARED>();
    for (var d = 0u; d < size; d++) {
      let part = textureLoad(cached_k, texel(key + d));
      for (var h = 0u; h < SHARED; h++) {
        score[h] += dot(query[h * HEAD_VECTORS + d], part);
      }
    }
    var correction: array<f32, SHARED>;
    var weight: array<f32, SHARED>;
    for (var h = 0u; h < SHARED; h++) {
      let next = max(largest[h], score[h]);
      correction[h] = exp(largest[h] - next);
      weight[h] = exp(score[h] - next);
      largest[h] = next;
      total[h] = total[h] * correction[h] + weight[h];
    }
    for (var d = 0u; d < size; d++) {
      let part = textureLoad(cached_v, texel(key + d));
      for (var h = 0u; h < SHARED; h++) {
        let i = h * HEAD_VECTORS + d;
        sum[i] = sum[i] * correction[h] + weight[h] * part;
      }
    }
  }
  for (var h = 0u; h < SHARED; h++) {
    lane_largest[local.x][h] = largest[h];
    lane_total[local.x][h] = total[h];
    for (var d = 0u; d < size; d++) {
      lane_sum[local.x][h * HEAD_VECTORS + d] = sum[h * HEAD_VECTORS + d];
    }
  }
  workgroupBarrier();
  let row = (sequence * cache.heads + head) * HEAD_VECTORS;
  for (var i = local.x; i < SHARED * cache.head_vectors; i += LANES) {
    out[row + i] = joined(i / HEAD_VECTORS, i);
  }
}

// Vector i of the workgroup's heads, which belongs to head h, over all lanes.
fn joined(h: u32, i: u32) -> vec4<f32> {
  var top = MASKED;
  for (var lane = 0u; lane < LANES; lane++) {
    top = max(top, lane_largest[lane][h]);
  }
  var sum = vec4<f32>();
  var weight_sum = 0.0;
  for (var lane = 0u; lane < LANES; lane++) {
    let weight = select(0.0, exp(lane_largest[lane][h] - top), lane_total[lane][h] > 0.0);
    weight_sum += weight * lane_total[lane][h];
    sum += weight * lane_sum[lane][i];
  }
  return sum / weight_sum;
}

@group(0) @binding(6) var<uniform> store_params: StoreParams;
@group(0) @binding(7) var<storage, read> sequences: array<u32>; // [N]
@group(0) @binding(8) var<storage, read> k: array<vec4<f32>>;
@group(0) @binding(9) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(10) var cache_k: texture_storage_2d<rgba32float, write>; // from store_params.first on [B, Hk/G, T, G, D]
@group(0) @binding(11) var cache_v: texture_storage_2d<rgba32float, write>; // likewise

@compute @workgroup_size(64)
fn store(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * 64u;
  let d = i % HEAD_VECTORS;
  let head = i / HEAD_VECTORS % KEY_HEADS;
  let row = i / (HEAD_VECTORS * KEY_HEADS);
  if (row >= store_params.rows || positions[row] >= store_params.capacity) {
    return;
  }
  let slot =
    slot_of(sequences[row], head, positions[row], KEY_HEADS, store_params.capacity, TOGETHER);
  let place = texel(store_params.first + slot * HEAD_VECTORS + d);
  let of_k = store_params.k_first + row * store_params.k_row + head * store_params.k_head + d;
  let of_v = store_params.v_first + row * store_params.v_row + head * store_params.v_head + d;
  textureStore(cache_k, place, k[of_k]);
  textureStore(cache_v, place, v[of_v]);
}
