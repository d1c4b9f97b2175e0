// The kernels of attention.wgsl where subgroups exist: the variant for adapters that compute on the CPU.
//
// The mathematics, with its letters, is that of attention.wgsl. A lane owns a query row (forward,
// query_gradient) or a key row (key_gradient), and the subgroup goes through the rows of the other side
// together: each of eight lanes loads one of eight neighbouring numbers of such a row and hands it round. Such
// adapters load element by element, with a check for each, and that is what takes the time.
// Needs subgroups of at least 8 lanes, and a head size that is a multiple of 8.
enable subgroups;

const CHUNKS: u32 = 4u; // eights in a head: D / 8
const VECTORS: u32 = 8u; // vec4s in a head: D / 4
override WORKGROUP: u32 = 8;
override LAST: bool = false; // of forward: the last tile of each sequence is all that is asked for

alias Row = array<vec4<f32>, VECTORS>;

struct Params {
  heads: u32, // H, query heads
  key_heads: u32, // Hk, key and value heads; a divisor of H
  scale: f32,
  head_vectors: u32, // VECTORS; a loop that ends here is not unrolled, which would take long to compile
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> offsets: array<u32>; // [B + 1]
@group(0) @binding(2) var<storage, read> q: array<f32>; // [N, H, D]; of forward as ForwardParams says, like k and v
@group(0) @binding(3) var<storage, read> k: array<f32>; // [N, Hk, D]
@group(0) @binding(4) var<storage, read> v: array<f32>; // [N, Hk, D]
@group(0) @binding(5) var<storage, read_write> out: array<vec4<f32>>; // [N, H, D]
@group(0) @binding(6) var<storage, read_write> statistics: array<vec2<f32>>; // [N, H] of (L, Δ)
@group(0) @binding(7) var<storage, read> row_statistics: array<vec2<f32>>; // the same, to read
@group(0) @binding(8) var<storage, read> d_out: array<f32>; // [N, H, D]
@group(0) @binding(9) var<storage, read_write> d_q: array<vec4<f32>>; // [N, H, D]
@group(0) @binding(10) var<storage, read_write> d_k: array<vec4<f32>>; // [N, Hk, D]
@group(0) @binding(11) var<storage, read_write> d_v: array<vec4<f32>>; // [N, Hk, D]

const MASKED: f32 = -1e30;

// include attention_params

@group(0) @binding(12) var<uniform> rows: ForwardParams;

// Numbers 0–3 and 4–7 of the eight that eight lanes hold.
fn low(mine: f32) -> vec4<f32> {
  return vec4<f32>(
    subgroupShuffle(mine, 0u),
    subgroupShuffle(mine, 1u),
    subgroupShuffle(mine, 2u),
    subgroupShuffle(mine, 3u),
  );
}

fn high(mine: f32) -> vec4<f32> {
  return vec4<f32>(
    subgroupShuffle(mine, 4u),
    subgroupShuffle(mine, 5u),
    subgroupShuffle(mine, 6u),
    subgroupShuffle(mine, 7u),
  );
}

@compute @workgroup_size(WORKGROUP)
fn forward(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(subgroup_invocation_id) lane: u32,
) {
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
  let query_at = 4u * (rows.q_first + n * rows.q_row + head * rows.q_head);
  var query: Row;
  for (var d = 0u; d < rows.head_vectors; d++) {
    let at = query_at + 4u * d;
    query[d] = rows.scale * vec4<f32>(q[at], q[at + 1u], q[at + 2u], q[at + 3u]);
  }
  var sum: Row;
  var largest = MASKED;
  var total = 0.0;
  let end = min(tile + WORKGROUP, length);
  for (var j = 0u; j < end; j++) {
    let key = 4u * (rows.k_first + (start + j) * rows.k_row + key_head * rows.k_head) + (lane & 7u);
    let value = 4u * (rows.v_first + (start + j) * rows.v_row + key_head * rows.v_head) + (lane & 7u);
    var score = 0.0;
    for (var c = 0u; c < CHUNKS; c++) {
      let mine = k[key + c * 8u];
      score += dot(query[2u * c], low(mine)) + dot(query[2u * c + 1u], high(mine));
    }
    let seen = j <= i;
    let next = select(largest, max(largest, score), seen);
    let correction = exp(largest - next);
    let weight = select(0.0, exp(score - next), seen);
    largest = next;
    total = total * correction + weight;
    for (var c = 0u; c < CHUNKS; c++) {
      let mine = v[value + c * 8u];
      sum[2u * c] = sum[2u * c] * correction + weight * low(mine);
      sum[2u * c + 1u] = sum[2u * c + 1u] * correction + weight * high(mine);
    }
  }
  if (i < length) {
    for (var d = 0u; d < rows.head_vectors; d++) {
      out[row * VECTORS + d] = sum[d] / total;
    }
    statistics[row] = vec2<f32>(largest + log(total), 0.0);
  }
}

@compute @workgroup_size(WORKGROUP)
fn query_gradient(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(subgroup_invocation_id) lane: u32,
) {
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
  var query: Row;
  var upstream: Row;
  for (var d = 0u; d < params.head_vectors; d++) {
    let at = (row * VECTORS + d) * 4u;
    query[d] = params.scale * vec4<f32>(q[at], q[at + 1u], q[at + 2u], q[at + 3u]);
    upstream[d] = vec4<f32>(d_out[at], d_out[at + 1u], d_out[at + 2u], d_out[at + 3u]);
  }
  var gradient: Row;
  let stats = row_statistics[row];
  let end = min(tile + WORKGROUP, length);
  for (var j = 0u; j < end; j++) {
    let key = ((start + j) * params.key_heads + key_head) * CHUNKS * 8u + (lane & 7u);
    var keys: Row;
    var score = 0.0;
    var product = 0.0;
    for (var c = 0u; c < CHUNKS; c++) {
      let of_key = k[key + c * 8u];
      keys[2u * c] = low(of_key);
      keys[2u * c + 1u] = high(of_key);
      let of_value = v[key + c * 8u];
      score += dot(query[2u * c], keys[2u * c]) + dot(query[2u * c + 1u], keys[2u * c + 1u]);
      product += dot(upstream[2u * c], low(of_value)) + dot(upstream[2u * c + 1u], high(of_value));
    }
    let d_score = select(0.0, exp(score - stats.x) * (product - stats.y), j <= i);
    for (var d = 0u; d < VECTORS; d++) {
      gradient[d] += d_score * keys[d];
    }
  }
  if (i < length) {
    for (var d = 0u; d < params.head_vectors; d++) {
      d_q[row * VECTORS + d] = params.scale * gradient[d];
    }
  }
}

@compute @workgroup_size(WORKGROUP)
fn key_gradient(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let start = offsets[group.z];
  let length = offsets[group.z + 1u] - start;
  let tile = group.x * WORKGROUP;
  if (tile >= length) {
    return;
  }
  let key_head = group.y;
  let heads_of_group = params.heads / params.key_heads;
  let j = tile + local.x;
  let row = (start + min(j, length - 1u)) * params.key_heads + key_head;
  var key: Row;
  var value: Row;
  for (var d = 0u; d < params.head_vectors; d++) {
    let at = (row * VECTORS + d) * 4u;
    key[d] = params.scale * vec4<f32>(k[at], k[at + 1u], k[at + 2u], k[at + 3u]);
    value[d] = vec4<f32>(v[at], v[at + 1u], v[at + 2u], v[at + 3u]);
  }
  var key_sum: Row;
  var value_sum: Row;
  for (var h = 0u; h < heads_of_group; h++) {
    for (var i = tile; i < length; i++) {
      let of_query = (start + i) * params.heads + key_head * heads_of_group + h;
      let at = of_query * CHUNKS * 8u + (lane & 7u);
      var queries: Row;
      var upstream: Row;
      var score = 0.0;
      var product = 0.0;
      for (var c = 0u; c < CHUNKS; c++) {
        let mine = q[at + c * 8u];
        queries[2u * c] = low(mine);
        queries[2u * c + 1u] = high(mine);
        let of_upstream = d_out[at + c * 8u];
        upstream[2u * c] = low(of_upstream);
        upstream[2u * c + 1u] = high(of_upstream);
      }
      for (var d = 0u; d < VECTORS; d++) {
        score += dot(queries[d], key[d]);
        product += dot(upstream[d], value[d]);
      }
      let stats = row_statistics[of_query];
      let weight = select(0.0, exp(score - stats.x), j <= i);
      let d_score = select(0.0, weight * (product - stats.y), j <= i);
      for (var d = 0u; d < VECTORS; d++) {
        value_sum[d] += weight * upstream[d];
        key_sum[d] += d_score * queries[d];
      }
    }
  }
  if (j < length) {
    for (var d = 0u; d < params.head_vectors; d++) {
      d_k[row * VECTORS + d] = params.scale * key_sum[d];
      d_v[row * VECTORS + d] = value_sum[d];
    }
  }
}
