// decode of attention.wgsl with the cache in textures, where subgroups exist.
//
// The numbers and the order of sums are those of attention_texture.wgsl: key j belongs to strand j mod 8, and the
// strands are joined at the end. There a lane is a strand, and the lanes load eight keys from eight places; here
// eight lanes load one key together, from places next to each other, and hand round what they find. The memory of
// a large cache is then read in order, which is what decoding waits for, and nothing goes through workgroup memory.
// Needs subgroups of at least 8 lanes, and a head size that is a multiple of 32.
enable subgroups;

const HEAD_VECTORS: u32 = 8u; // vec4s in a head: head size / 4
const OF_LANE: u32 = HEAD_VECTORS / 8u; // vec4s of a head that a lane holds: o · 8 + lane
const SHARED: u32 = 1u; // query heads of a workgroup; all have the same key head

// include cache_params
// include texels
// include texture_cache

alias Strands = array<f32, 8>;

// A workgroup a sequence and SHARED heads.
@compute @workgroup_size(8)
fn decode(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let head = group.x * SHARED;
  let sequence = group.y;
  let key_head = head / (cache.heads / cache.key_heads);
  let length = min(positions[sequence] + 1u, cache.capacity);
  let first_key = (sequence * cache.key_heads + key_head) * cache.capacity;
  var query: array<vec4<f32>, SHARED * OF_LANE>;
  var sum: array<vec4<f32>, SHARED * HEAD_VECTORS>; // vec4 o of strand s and head h is number (h · 8 + s) · OF_LANE + o
  var largest: array<f32, SHARED>; // of the strand whose number is the lane's
  var total: array<f32, SHARED>;
  for (var h = 0u; h < SHARED; h++) {
    let query_at = cache.q_first + sequence * cache.q_row + (head + h) * cache.q_head + lane;
    for (var o = 0u; o < OF_LANE; o++) {
      query[h * OF_LANE + o] = cache.scale * q[query_at + o * 8u];
    }
    largest[h] = MASKED;
  }
  for (var j = 0u; j < length; j += 8u) {
    // Past the end the last key is read again, and counts for nothing.
    var score = array<f32, SHARED>();
    for (var s = 0u; s < 8u; s++) {
      let key = (first_key + min(j + s, length - 1u)) * HEAD_VECTORS + lane;
      var whole = array<f32, SHARED>();
      for (var o = 0u; o < OF_LANE; o++) {
        let part = textureLoad(cached_k, texel(key + o * 8u));
        for (var h = 0u; h < SHARED; h++) {
          whole[h] = add_lanes(whole[h], dot(query[h * OF_LANE + o], part));
        }
      }
      for (var h = 0u; h < SHARED; h++) {
        score[h] = select(score[h], whole[h], lane == s);
      }
    }
    var correction: array<Strands, SHARED>;
    var weight: array<Strands, SHARED>;
    let seen = j + lane < length;
    for (var h = 0u; h < SHARED; h++) {
      let next = select(largest[h], max(largest[h], score[h]), seen);
      let of_past = exp(largest[h] - next);
      let of_key = select(0.0, exp(score[h] - next), seen);
      largest[h] = next;
      total[h] = total[h] * of_past + of_key;
      correction[h] = all_lanes(of_past);
      weight[h] = all_lanes(of_key);
    }
    for (var s = 0u; s < 8u; s++) {
      let value = (first_key + min(j + s, length - 1u)) * HEAD_VECTORS + lane;
      for (var o = 0u; o < OF_LANE; o++) {
        let part = textureLoad(cached_v, texel(value + o * 8u));
        for (var h = 0u; h < SHARED; h++) {
          let i = (h * 8u + s) * OF_LANE + o;
          sum[i] = sum[i] * correction[h][s] + weight[h][s] * part;
        }
      }
    }
  }
  for (var h = 0u; h < SHARED; h++) {
    let of_strand = select(0.0, exp(largest[h] - subgroupMax(largest[h])), total[h] > 0.0);
    let weights = all_lanes(of_strand);
    let weight_sum = add_lanes(0.0, of_strand * total[h]);
    for (var o = 0u; o < OF_LANE; o++) {
      var joined = vec4<f32>();
      for (var s = 0u; s < 8u; s++) {
        joined += weights[s] * sum[(h * 8u + s) * OF_LANE + o];
      }
      out[(sequence * cache.heads + head + h) * HEAD_VECTORS + o * 8u + lane] = joined / weight_sum;
    }
  }
}

fn all_lanes(mine: f32) -> Strands {
  return Strands(
    subgroupBroadcast(mine, 0u),
    subgroupBroadcast(mine, 1u),
    subgroupBroadcast(mine, 2u),
    subgroupBroadcast(mine, 3u),
    subgroupBroadcast(mine, 4u),
    subgroupBroadcast(mine, 5u),
    subgroupBroadcast(mine, 6u),
    subgroupBroadcast(mine, 7u),
  );
}

// sum + what lane 0 has + what lane 1 has …
fn add_lanes(sum: f32, mine: f32) -> f32 {
  let all = all_lanes(mine);
  return sum + all[0] + all[1] + all[2] + all[3] + all[4] + all[5] + all[6] + all[7];
}
