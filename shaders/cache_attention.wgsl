// Attention of one row over a cache in textures, by eight lanes in step, brought into shaders by their line `// include
// cache_attention`. They say what the row's queries are, by a function query_vector(h, i), what lies in the cache, by
// key_vector(j, o, lane) and value_vector(j, o, lane), and where the result goes, by put(h, i, value); heads h of the
// SHARED that have the same key head, vec4s i of a head, keys j.
//
// The numbers and the order of sums are those of attention_texture.wgsl: key j belongs to strand j mod 8, and the
// strands are joined at the end. Where eight vec4s are a head, or a part of one, eight lanes load a key together, from
// places next to each other (OF_KEY = 8): the memory of a large cache is then read in order, which is what decoding
// waits for. Smaller heads leave each lane a key of its own (OF_KEY = 1). Nothing goes through workgroup memory.
// Needs a workgroup of 8 lanes.

const HEAD_VECTORS: u32 = 8u; // vec4s in a head: head size / 4
const SHARED: u32 = 1u; // query heads that share what is loaded
const OF_KEY: u32 = 8u; // lanes of a key, 8 or 1
const OF_LANE: u32 = HEAD_VECTORS / OF_KEY; // vec4s of a head that a lane holds, see vector_of
const TURNS: u32 = OF_KEY; // in which eight keys are loaded; in each a lane has a strand
const MASKED: f32 = -1e30;

alias Strands = array<f32, 8>;

// The vec4 of a head that is a lane's number o.
fn vector_of(o: u32, lane: u32) -> u32 {
  return o * OF_KEY + lane % OF_KEY;
}

// Over keys 0 … length − 1. `lane` is the number in the subgroup.
fn attend_to(length: u32, lane: u32) {
  var query: array<vec4<f32>, SHARED * OF_LANE>;
  var sum: array<vec4<f32>, SHARED * TURNS * OF_LANE>; // number (h · TURNS + turn) · OF_LANE + o
  var largest: array<f32, SHARED>; // of the strand whose number is the lane's
  var total: array<f32, SHARED>;
  for (var h = 0u; h < SHARED; h++) {
    let first = query_vector(h, min(lane, HEAD_VECTORS - 1u));
    query[h * OF_LANE] = held(first, 0u);
    for (var o = 1u; o < OF_LANE; o++) {
      if (OF_KEY == 1u) {
        query[h * OF_LANE + o] = held(first, o);
      } else {
        query[h * OF_LANE + o] = query_vector(h, vector_of(o, lane));
      }
    }
    largest[h] = MASKED;
  }
  for (var j = 0u; j < length; j += 8u) {
    // Past the end the last key is read again, and counts for nothing.
    var score = array<f32, SHARED>();
    for (var turn = 0u; turn < TURNS; turn++) {
      let key = min(j + key_of(turn, lane), length - 1u);
      var whole = array<f32, SHARED>();
      for (var o = 0u; o < OF_LANE; o++) {
        let part = key_vector(key, o, lane);
        for (var h = 0u; h < SHARED; h++) {
          whole[h] = add_parts(whole[h], dot(query[h * OF_LANE + o], part));
        }
      }
      for (var h = 0u; h < SHARED; h++) {
        score[h] = select(score[h], whole[h], key_of(turn, lane) == lane);
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
      correction[h] = of_turns(of_past);
      weight[h] = of_turns(of_key);
    }
    for (var turn = 0u; turn < TURNS; turn++) {
      let value = min(j + key_of(turn, lane), length - 1u);
      for (var o = 0u; o < OF_LANE; o++) {
        let part = value_vector(value, o, lane);
        for (var h = 0u; h < SHARED; h++) {
          let i = (h * TURNS + turn) * OF_LANE + o;
          sum[i] = sum[i] * correction[h][turn] + weight[h][turn] * part;
        }
      }
    }
  }
  for (var h = 0u; h < SHARED; h++) {
    let of_strand = select(0.0, exp(largest[h] - subgroupMax(largest[h])), total[h] > 0.0);
    let weights = of_turns(of_strand);
    let weight_sum = add_lanes(0.0, of_strand * total[h]);
    var own: vec4<f32>;
    for (var o = 0u; o < OF_LANE; o++) {
      var joined = vec4<f32>();
      for (var turn = 0u; turn < TURNS; turn++) {
        joined = add_strands(joined, weights[turn] * sum[(h * TURNS + turn) * OF_LANE + o]);
      }
      if (OF_KEY == 8u) {
        put(h, vector_of(o, lane), joined / weight_sum);
      }
      own = select(own, joined, lane == o);
    }
    if (OF_KEY == 1u && lane < HEAD_VECTORS) {
      put(h, lane, own / weight_sum);
    }
  }
}

// A lane's number o of a head whose vec4 `lane` it has loaded: with a key of its own it needs all of them.
fn held(mine: vec4<f32>, o: u32) -> vec4<f32> {
  if (OF_KEY == 8u) {
    return mine;
  }
  return subgroupShuffle(mine, o);
}

// Which of eight keys a lane loads; a strand has the lane's number where they are equal.
fn key_of(turn: u32, lane: u32) -> u32 {
  return select(lane, turn, OF_KEY == 8u);
}

// What belongs to the strands that a lane has, turn after turn.
fn of_turns(mine: f32) -> Strands {
  if (OF_KEY == 1u) {
    return Strands(mine, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
  }
  return all_lanes(mine);
}

fn add_parts(sum: f32, mine: f32) -> f32 {
  if (OF_KEY == 1u) {
    return sum + mine;
  }
  return add_lanes(sum, mine);
}

fn add_strands(sum: vec4<f32>, mine: vec4<f32>) -> vec4<f32> {
  if (OF_KEY == 8u) {
    return sum + mine;
  }
  return vec4<f32>(
    add_lanes(sum.x, mine.x),
    add_lanes(sum.y, mine.y),
    add_lanes(sum.z, mine.z),
    add_lanes(sum.w, mine.w),
  );
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
