// Causal attention with grouped-query heads over packed sequences, in flash style: no matrix of scores.
//
// Sequence b owns rows offsets[b] … offsets[b+1]−1 of every packed tensor. With s(i,j) = scale·⟨q_i, k_j⟩,
//   forward    L_i = log Σ_{j≤i} exp s(i,j),  p(i,j) = exp(s(i,j) − L_i),  o_i = Σ_{j≤i} p(i,j)·v_j
//   delta      Δ_i = ⟨do_i, o_i⟩
//   backward   ds(i,j) = p(i,j)·(⟨do_i, v_j⟩ − Δ_i)
//     query_gradient   dq_i = scale·Σ_{j≤i} ds(i,j)·k_j
//     key_gradient     dk_j = scale·Σ_{i≥j} ds(i,j)·q_i,  dv_j = Σ_{i≥j} p(i,j)·do_i, over all query heads
//                      of the group; the same product is computed twice, because WGSL has no float atomics
//   decode     one new row per sequence against a cache of keys and values
//   store      writes rows of keys and values into the cache
//
// forward, query_gradient: a thread a query row and head; the key row is the same for a whole workgroup.
// key_gradient: a thread a key row and key head; the query row is the same for a whole workgroup.

const HEAD_VECTORS: u32 = 4u; // vec4s in a head: head size / 4
override WORKGROUP: u32 = 32;
// A software adapter takes minutes to compile loops over a large head when they are unrolled. With a bound
// that is only known when the kernel runs they are not, and the private arrays lie in memory.
override UNROLL: bool = true;
override LAST: bool = false; // of forward: the last tile of each sequence is all that is asked for

fn vectors(head_vectors: u32) -> u32 {
  return select(head_vectors, HEAD_VECTORS, UNROLL);
}

struct Params {
  heads: u32, // H, query heads
  key_heads: u32, // Hk, key and value heads; a divisor of H
  scale: f32,
  head_vectors: u32, // HEAD_VECTORS
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> offsets: array<u32>; // [B + 1]
@group(0) @binding(2) var<storage, read> q: array<vec4<f32>>; // [N, H, D]; of forward as ForwardParams says, like k and v
@group(0) @binding(3) var<storage, read> k: array<vec4<f32>>; // [N, Hk, D]
@group(0) @binding(4) var<storage, read> v: array<vec4<f32>>; // [N, Hk, D]
@group(0) @binding(5) var<storage, read_write> out: array<vec4<f32>>; // [N, H, D]
@group(0) @binding(6) var<storage, read_write> statistics: array<vec2<f32>>; // [N, H] of (L, Δ)
@group(0) @binding(7) var<storage, read> row_statistics: array<vec2<f32>>; // the same, to read
@group(0) @binding(8) var<storage, read> result: array<vec4<f32>>; // [N, H, D], o
@group(0) @binding(9) var<storage, read> d_out: array<vec4<f32>>; // [N, H, D]
@group(0) @binding(10) var<storage, read_write> d_q: array<vec4<f32>>; // [N, H, D]
@group(0) @binding(11) var<storage, read_write> d_k: array<vec4<f32>>; // [N, Hk, D]
@group(0) @binding(12) var<storage, read_write> d_v: array<vec4<f32>>; // [N, Hk, D]

const MASKED: f32 = -1e30;

// include attention_params

@group(0) @binding(22) var<uniform> rows: ForwardParams;

@compute @workgroup_size(WORKGROUP)
fn forward(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
) {
  let size = vectors(rows.head_vectors);
  let start = offsets[group.z];
  let length = offsets[group.z + 1u] - start;
  let tile = select(group.x, (length - 1u) / WORKGROUP, LAST) * WORKGROUP;
  if (tile >= length) {
    return;
  }
  let head = group.y;
  let key_head = head / (rows.heads / rows.key_heads);
  let i = tile + local.x;
  let n = start + min(i, length - 1u);
  let row = n * rows.heads + head;
  let query_at = rows.q_first + n * rows.q_row + head * rows.q_head;
  var query: array<vec4<f32>, HEAD_VECTORS>;
  var sum: array<vec4<f32>, HEAD_VECTORS>;
  for (var d = 0u; d < size; d++) {
    query[d] = rows.scale * q[query_at + d];
  }
  var largest = MASKED;
  var total = 0.0;
  let end = min(tile + WORKGROUP, length);
  for (var j = 0u; j < end; j++) {
    let key = rows.k_first + (start + j) * rows.k_row + key_head * rows.k_head;
    let value = rows.v_first + (start + j) * rows.v_row + key_head * rows.v_head;
    var score = 0.0;
    for (var d = 0u; d < size; d++) {
      score += dot(query[d], k[key + d]);
    }
    score = select(MASKED, score, j <= i);
    let next = max(largest, score);
    let correction = exp(largest - next);
    let weight = select(0.0, exp(score - next), j <= i);
    largest = next;
    total = total * correction + weight;
    for (var d = 0u; d < size; d++) {
      sum[d] = sum[d] * correction + weight * v[value + d];
    }
  }
  if (i < length) {
    for (var d = 0u; d < size; d++) {
      out[row * HEAD_VECTORS + d] = sum[d] / total;
    }
    statistics[row] = vec2<f32>(largest + log(total), 0.0);
  }
}

struct DeltaParams {
  rows: u32, // N · H
}

@group(0) @binding(13) var<uniform> delta_params: DeltaParams;

@compute @workgroup_size(64)
fn delta(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let row = id.x + id.y * groups.x * 64u;
  if (row >= delta_params.rows) {
    return;
  }
  var sum = 0.0;
  for (var d = 0u; d < HEAD_VECTORS; d++) {
    sum += dot(result[row * HEAD_VECTORS + d], d_out[row * HEAD_VECTORS + d]);
  }
  statistics[row].y = sum;
}

@compute @workgroup_size(WORKGROUP)
fn query_gradient(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
) {
  let size = vectors(params.head_vectors);
  let start = offsets[group.z];
  let length = offsets[group.z + 1u] - start;
  let tile = group.x * WORKGROUP;
  if (tile >= length) {
    return;
  }
  let head = group.y;
  let key_head = head / (params.heads / params.key_heads);
  let i = tile + local.x;
  let row = (start + min(i, length - 1u)) * params.heads + head;
  var query: array<vec4<f32>, HEAD_VECTORS>;
  var upstream: array<vec4<f32>, HEAD_VECTORS>;
  var gradient: array<vec4<f32>, HEAD_VECTORS>;
  for (var d = 0u; d < size; d++) {
    query[d] = params.scale * q[row * HEAD_VECTORS + d];
    upstream[d] = d_out[row * HEAD_VECTORS + d];
  }
  let stats = row_statistics[row];
  let end = min(tile + WORKGROUP, length);
  for (var j = 0u; j < end; j++) {
    let key = ((start + j) * params.key_heads + key_head) * HEAD_VECTORS;
    var score = 0.0;
    var product = 0.0;
    for (var d = 0u; d < size; d++) {
      score += dot(query[d], k[key + d]);
      product += dot(upstream[d], v[key + d]);
    }
    let d_score = select(0.0, exp(score - stats.x) * (product - stats.y), j <= i);
    for (var d = 0u; d < size; d++) {
      gradient[d] += d_score * k[key + d];
    }
  }
  if (i < length) {
    for (var d = 0u; d < size; d++) {
      d_q[row * HEAD_VECTORS + d] = params.scale * gradient[d];
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn key_gradient(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
) {
  let size = vectors(params.head_vectors);
  let start = offsets[group.z];
  let length = offsets[group.z + 1u] - start;
  let tile = group.x * WORKGROUP;
  if (tile >= length) {
    return;
  }
  let key_head = group.y;
  let heads_of_group = params.heads / params.key_heads;
  let j = tile + local.x;
  let row = ((start + min(j, length - 1u)) * params.key_heads + key_head) * HEAD_VECTORS;
  var key: array<vec4<f32>, HEAD_VECTORS>;
  var value: array<vec4<f32>, HEAD_VECTORS>;
  var key_sum: array<vec4<f32>, HEAD_VECTORS>;
  var value_sum: array<vec4<f32>, HEAD_VECTORS>;
  for (var d = 0u; d < size; d++) {
    key[d] = params.scale * k[row + d];
    value[d] = v[row + d];
  }
  for (var h = 0u; h < heads_of_group; h++) {
    for (var i = tile; i < length; i++) {
      let query = (start + i) * params.heads + key_head * heads_of_group + h;
      var score = 0.0;
      var product = 0.0;
      for (var d = 0u; d < size; d++) {
        score += dot(q[query * HEAD_VECTORS + d], key[d]);
        product += dot(d_out[query * HEAD_VECTORS + d], value[d]);
      }
      let stats = row_statistics[query];
      let weight = select(0.0, exp(score - stats.x), j <= i);
      let d_score = select(0.0, weight * (product - stats.y), j <= i);
      for (var d = 0u; d < size; d++) {
        value_sum[d] += weight * d_out[query * HEAD_VECTORS + d];
        key_sum[d] += d_score * q[query * HEAD_VECTORS + d];
      }
    }
  }
  if (j < length) {
    for (var d = 0u; d < size; d++) {
      d_k[row + d] = params.scale * key_sum[d];
      d_v[row + d] = value_sum[d];
    }
  }
}

// include cache_params

@group(0) @binding(14) var<uniform> cache: CacheParams;
@group(0) @binding(15) var<storage, read> positions: array<u32>; // [B]: where the new row of each sequence stands
@group(0) @binding(16) var<storage, read> cached_k: array<vec4<f32>>; // [B, Hk, T, D]
@group(0) @binding(17) var<storage, read> cached_v: array<vec4<f32>>; // [B, Hk, T, D]

const LANES: u32 = 32u; // of a row in decode

var<workgroup> lane_largest: array<f32, LANES>;
var<workgroup> lane_total: array<f32, LANES>;
var<workgroup> lane_sum: array<array<vec4<f32>, HEAD_VECTORS>, LANES>;

// A workgroup a sequence and head; its lanes share out the keys and join their sums at the end.
@compute @workgroup_size(LANES)
fn decode(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
) {
  let size = vectors(cache.head_vectors);
  let head = group.x;
  let sequence = group.y;
  let key_head = head / (cache.heads / cache.key_heads);
  let row = (sequence * cache.heads + head) * HEAD_VECTORS;
  let length = min(positions[sequence] + 1u, cache.capacity);
  var query: array<vec4<f32>, HEAD_VECTORS>;
  var sum: array<vec4<f32>, HEAD_VECTORS>;
  let query_at = cache.q_first + sequence * cache.q_row + head * cache.q_head;
  for (var d = 0u; d < size; d++) {
    query[d] = cache.scale * q[query_at + d];
  }
  var largest = MASKED;
  var total = 0.0;
  for (var j = local.x; j < length; j += LANES) {
    let key = ((sequence * cache.key_heads + key_head) * cache.capacity + j) * HEAD_VECTORS;
    var score = 0.0;
    for (var d = 0u; d < size; d++) {
      score += dot(query[d], cached_k[key + d]);
    }
    let next = max(largest, score);
    let correction = exp(largest - next);
    let weight = exp(score - next);
    largest = next;
    total = total * correction + weight;
    for (var d = 0u; d < size; d++) {
      sum[d] = sum[d] * correction + weight * cached_v[key + d];
    }
  }
  lane_largest[local.x] = largest;
  lane_total[local.x] = total;
  for (var d = 0u; d < size; d++) {
    lane_sum[local.x][d] = sum[d];
  }
  workgroupBarrier();
  var top = MASKED;
  for (var lane = 0u; lane < LANES; lane++) {
    top = max(top, lane_largest[lane]);
  }
  for (var d = local.x; d < size; d += LANES) {
    var joined = vec4<f32>();
    var weight_sum = 0.0;
    for (var lane = 0u; lane < LANES; lane++) {
      let weight = select(0.0, exp(lane_largest[lane] - top), lane_total[lane] > 0.0);
      weight_sum += weight * lane_total[lane];
      joined += weight * lane_sum[lane][d];
    }
    out[row + d] = joined / weight_sum;
  }
}

@group(0) @binding(18) var<uniform> store_params: StoreParams;
@group(0) @binding(19) var<storage, read> sequences: array<u32>; // [N]
@group(0) @binding(20) var<storage, read_write> cache_k: array<vec4<f32>>; // [B, Hk, T, D]
@group(0) @binding(21) var<storage, read_write> cache_v: array<vec4<f32>>; // [B, Hk, T, D]

@compute @workgroup_size(64)
fn store(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * 64u;
  let d = i % store_params.head_vectors;
  let head = i / store_params.head_vectors % store_params.key_heads;
  let row = i / store_params.head_vectors / store_params.key_heads;
  if (row >= store_params.rows || positions[row] >= store_params.capacity) {
    return;
  }
  let slot = (sequences[row] * store_params.key_heads + head) * store_params.capacity + positions[row];
  let place = slot * store_params.head_vectors + d;
  cache_k[place] = k[store_params.k_first + row * store_params.k_row + head * store_params.k_head + d];
  cache_v[place] = v[store_params.v_first + row * store_params.v_row + head * store_params.v_head + d];
}
