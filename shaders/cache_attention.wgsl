// Attention of one row over a cache in textures, by eight lanes in step, brought into shaders by their line `// include
// cache_attention`. They say what the row's queries are, by a function query_vector(g, h, i), what lies in the cache,
// by key_vector(j, g, o, is_kept, lane) and value_vector(j, g, o, is_kept, lane), and where the result goes, by put(g, h,
// i, value); key heads g of TOGETHER, heads h of the SHARED that have the same key head, vec4s i of a head, keys j. They
// call begin_row, attend_to for the keys in the cache, and again for those kept elsewhere (is_kept), and put_heads.
//
// Keys are taken in steps of eight, one a strand: KEYS of each of TOGETHER key heads, which lie side by side. Key j of
// head g belongs to its strand j mod KEYS. A strand has a largest score, a sum of weights and a sum of values of its
// own, as a lane has in attention_texture.wgsl; a head's strands are joined at the end.
//
// Where eight vec4s are a head, or a part of one, eight lanes load a key together (OF_KEY = 8), and all key heads that
// lie together are attended to in one pass: a large cache is then read in long runs, which is what decoding waits for.
// Smaller heads leave each lane a key of its own (OF_KEY = 1). Nothing goes through workgroup memory. Needs a workgroup
// of 8 lanes.

const HEAD_VECTORS: u32 = 8u; // vec4s in a head: head size / 4
const SHARED: u32 = 1u; // query heads that share what is loaded
const TOGETHER: u32 = 1u; // key heads whose keys lie side by side: 1, 2 or 4, and 1 where OF_KEY is
const OF_KEY: u32 = 8u; // lanes of a key, 8 or 1
const KEYS: u32 = 8u / TOGETHER; // of a head in a step
const OF_LANE: u32 = HEAD_VECTORS / OF_KEY; // vec4s of a head that a lane holds, see vector_of
const TURNS: u32 = OF_KEY; // in which a step's keys are loaded; in each a lane has a strand
const MASKED: f32 = -1e30;

alias Strands = array<f32, 8>;

// The vec4 of a head that is a lane's number o.
fn vector_of(o: u32, lane: u32) -> u32 {
  return o * OF_KEY + lane % OF_KEY;
}

var<private> query: array<vec4<f32>, TOGETHER * SHARED * OF_LANE>; // number (g · SHARED + h) · OF_LANE + o
var<private> sum: array<vec4<f32>, SHARED * TURNS * OF_LANE>; // number (h · TURNS + turn) · OF_LANE + o
var<private> largest: array<f32, SHARED>; // of the strand whose number is the lane's
var<private> total: array<f32, SHARED>;
var<private> correction: array<Strands, SHARED>; // of a step: what the sums so far count
var<private> weight: array<Strands, SHARED>; // of a step: what its values count

// Over keys first … end − 1.
fn attend_to(first: u32, end: u32, is_kept: bool, lane: u32) {
  if (first >= end) {
    return;
  }
  var j = first - first % KEYS;
  loop {
    // Before the first and past the end another key is read again, and counts for nothing.
    var score = array<f32, SHARED>();
    for (var o = 0u; o < OF_LANE; o++) {
      var parts: array<Strands, SHARED>; // of what a lane adds to each strand's score
      for (var turn = 0u; turn < TURNS; turn++) {
        let g = head_of(turn);
        let key = key_vector(clamp(j + key_of(turn, lane), first, end - 1u), g, o, is_kept, lane);
        for (var h = 0u; h < SHARED; h++) {
          parts[h][turn] = dot(query[(g * SHARED + h) * OF_LANE + o], key);
        }
      }
      for (var h = 0u; h < SHARED; h++) {
        score[h] = add_parts(score[h], parts[h], lane);
      }
    }
    let own = j + lane % KEYS;
    weigh(score, own >= first && own < end);
    for (var turn = 0u; turn < TURNS; turn++) {
      let value = clamp(j + key_of(turn, lane), first, end - 1u);
      for (var o = 0u; o < OF_LANE; o++) {
        let part = value_vector(value, head_of(turn), o, is_kept, lane);
        for (var h = 0u; h < SHARED; h++) {
          let i = (h * TURNS + turn) * OF_LANE + o;
          sum[i] = sum[i] * correction[h][turn] + weight[h][turn] * part;
        }
      }
    }
    continuing {
      j += KEYS;
      break if j >= end;
    }
  }
}

fn begin_row(lane: u32) {
  for (var i = 0u; i < TOGETHER * SHARED; i++) {
    let first = query_vector(i / SHARED, i % SHARED, min(lane, HEAD_VECTORS - 1u));
    query[i * OF_LANE] = held(first, 0u);
    for (var o = 1u; o < OF_LANE; o++) {
      if (OF_KEY == 1u) {
        query[i * OF_LANE + o] = held(first, o);
      } else {
        query[i * OF_LANE + o] = query_vector(i / SHARED, i % SHARED, vector_of(o, lane));
      }
    }
  }
  for (var h = 0u; h < SHARED; h++) {
    largest[h] = MASKED;
    total[h] = 0.0;
  }
  for (var i = 0u; i < SHARED * TURNS * OF_LANE; i++) {
    sum[i] = vec4<f32>();
  }
}

// A step's scores join those of the lanes' strands, where they are seen.
fn weigh(score: array<f32, SHARED>, seen: bool) {
  for (var h = 0u; h < SHARED; h++) {
    let next = select(largest[h], max(largest[h], score[h]), seen);
    let of_past = exp(largest[h] - next);
    let of_key = select(0.0, exp(score[h] - next), seen);
    largest[h] = next;
    total[h] = total[h] * of_past + of_key;
    correction[h] = of_turns(of_past);
    weight[h] = of_turns(of_key);
  }
}

// Joins the strands of each head.
fn put_heads(lane: u32) {
  for (var h = 0u; h < SHARED; h++) {
    let of_strand = select(0.0, exp(largest[h] - largest_of_head(largest[h])), total[h] > 0.0);
    let weights = of_turns(of_strand);
    let totals = all_lanes(of_strand * total[h]);
    for (var g = 0u; g < TOGETHER; g++) {
      var weight_sum = 0.0;
      for (var strand = 0u; strand < KEYS; strand++) {
        weight_sum += totals[g * KEYS + strand];
      }
      var own: vec4<f32>;
      for (var o = 0u; o < OF_LANE; o++) {
        var joined = vec4<f32>();
        for (var turn = 0u; turn < TURNS; turn++) {
          if (head_of(turn) == g) {
            joined = add_strands(joined, weights[turn] * sum[(h * TURNS + turn) * OF_LANE + o]);
          }
        }
        if (OF_KEY == 8u) {
          put(g, h, vector_of(o, lane), joined / weight_sum);
        }
        own = select(own, joined, lane == o);
      }
      if (OF_KEY == 1u && lane < HEAD_VECTORS) {
        put(g, h, lane, own / weight_sum);
      }
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

// The key head of those together that a turn's keys belong to.
fn head_of(turn: u32) -> u32 {
  return turn / KEYS;
}

// Which of a head's KEYS a lane loads; a strand has the lane's number where a lane has a key of its own.
fn key_of(turn: u32, lane: u32) -> u32 {
  return select(lane, turn % KEYS, OF_KEY == 8u);
}

// What belongs to the strands that a lane has, turn after turn.
fn of_turns(mine: f32) -> Strands {
  if (OF_KEY == 1u) {
    return Strands(mine, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
  }
  return all_lanes(mine);
}

// The sum and what the lanes add to it of the strand whose number is the lane's, lane 0 first.
fn add_parts(sum: f32, mine: Strands, lane: u32) -> f32 {
  if (OF_KEY == 1u) {
    return sum + mine[0];
  }
  let all = exchanged(mine, lane);
  return sum + all[0] + all[1] + all[2] + all[3] + all[4] + all[5] + all[6] + all[7];
}

// Lane l gets what lane i has in place l in place i: pairs of lanes exchange, then pairs of those, then the halves.
fn exchanged(mine: Strands, lane: u32) -> Strands {
  let odd = (lane & 1u) == 1u;
  let a = Strands(
    select(mine[0], subgroupShuffleXor(mine[1], 1u), odd),
    select(subgroupShuffleXor(mine[0], 1u), mine[1], odd),
    select(mine[2], subgroupShuffleXor(mine[3], 1u), odd),
    select(subgroupShuffleXor(mine[2], 1u), mine[3], odd),
    select(mine[4], subgroupShuffleXor(mine[5], 1u), odd),
    select(subgroupShuffleXor(mine[4], 1u), mine[5], odd),
    select(mine[6], subgroupShuffleXor(mine[7], 1u), odd),
    select(subgroupShuffleXor(mine[6], 1u), mine[7], odd),
  );
  let second = (lane & 2u) == 2u;
  let b = Strands(
    select(a[0], subgroupShuffleXor(a[2], 2u), second),
    select(a[1], subgroupShuffleXor(a[3], 2u), second),
    select(subgroupShuffleXor(a[0], 2u), a[2], second),
    select(subgroupShuffleXor(a[1], 2u), a[3], second),
    select(a[4], subgroupShuffleXor(a[6], 2u), second),
    select(a[5], subgroupShuffleXor(a[7], 2u), second),
    select(subgroupShuffleXor(a[4], 2u), a[6], second),
    select(subgroupShuffleXor(a[5], 2u), a[7], second),
  );
  let upper = (lane & 4u) == 4u;
  return Strands(
    select(b[0], subgroupShuffleXor(b[4], 4u), upper),
    select(b[1], subgroupShuffleXor(b[5], 4u), upper),
    select(b[2], subgroupShuffleXor(b[6], 4u), upper),
    select(b[3], subgroupShuffleXor(b[7], 4u), upper),
    select(subgroupShuffleXor(b[0], 4u), b[4], upper),
    select(subgroupShuffleXor(b[1], 4u), b[5], upper),
    select(subgroupShuffleXor(b[2], 4u), b[6], upper),
    select(subgroupShuffleXor(b[3], 4u), b[7], upper),
  );
}

// The largest of the lanes that have strands of the same key head.
fn largest_of_head(mine: f32) -> f32 {
  var largest = mine;
  for (var apart = 1u; apart < KEYS; apart *= 2u) {
    largest = max(largest, subgroupShuffleXor(largest, apart));
  }
  return largest;
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
    subgroupShuffle(mine, 0u),
    subgroupShuffle(mine, 1u),
    subgroupShuffle(mine, 2u),
    subgroupShuffle(mine, 3u),
    subgroupShuffle(mine, 4u),
    subgroupShuffle(mine, 5u),
    subgroupShuffle(mine, 6u),
    subgroupShuffle(mine, 7u),
  );
}

// sum + what lane 0 has + what lane 1 has …
fn add_lanes(sum: f32, mine: f32) -> f32 {
  let all = all_lanes(mine);
  return sum + all[0] + all[1] + all[2] + all[3] + all[4] + all[5] + all[6] + all[7];
}
