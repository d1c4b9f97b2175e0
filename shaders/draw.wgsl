// How a token is drawn, brought into shaders by their line `// include draw`: a workgroup draws for a row, its lanes
// striding over the ids in 64 strands. They have the constant WORKGROUP, the number of lanes, the fields of
// sampling.wgsl's Params in theirs but for next_stride, its bindings tokens, log_probs, state and ends, include threefry,
// tell logits by functions logit(i) and logit_quad(i / 4), the rows' one after the other, have max_of_lanes of
// reductions.wgsl, and functions await_lanes(), after which what other lanes wrote can be read, and note_token(row,
// token, column).
//
// A draw inverts the cumulative distribution at one uniform number, whose place is (seed, episode,
// column). Its order of ids is 0, 64, 128 … 1, 65, 129 …, so that each strand sums ids of its own.
// Temperature 0 takes the largest logit, and the lowest id among equals. The log-probability written
// is that of softmax(logits / temperature) over all ids (of softmax(logits) at temperature 0).

struct State {
  length: u32, // the column to write
  limit: u32, // the length at which the row is done
  done: u32, // 1: the row is left as it is
  episode: u32,
}

const LANE_STRANDS: u32 = 1u; // of each lane: WORKGROUP · LANE_STRANDS is 64; software adapters do better with few lanes
const STRANDS: u32 = 64u;
override QUADS: bool = false; // rows of logits, and what a lane has of a turn, are whole vec4s
const LOWEST: f32 = -3.4e38;

var<workgroup> strand_sums: array<vec2<f32>, STRANDS>;
var<workgroup> lane_first: array<u32, WORKGROUP>;

// A lane's ids lie in turns of STRANDS; `turn` counts them, and `strand` the lane's own.
fn id_of(turn: u32, lane: u32, strand: u32) -> u32 {
  return turn * STRANDS + lane * LANE_STRANDS + strand;
}

// The logits of a lane's ids in a turn; past the end the last ones again.
fn logits_of(start: u32, turn: u32, lane: u32) -> array<f32, LANE_STRANDS> {
  var mine: array<f32, LANE_STRANDS>;
  for (var s = 0u; QUADS && s < LANE_STRANDS; s += 4u) {
    let quad = logit_quad((start + min(id_of(turn, lane, s), params.vocabulary - 4u)) / 4u);
    for (var i = 0u; i < 4u; i++) {
      mine[s + i] = quad[i];
    }
  }
  for (var s = 0u; !QUADS && s < LANE_STRANDS; s++) {
    mine[s] = logit(start + min(id_of(turn, lane, s), params.vocabulary - 1u));
  }
  return mine;
}

fn largest_logit(start: u32, lane: u32, turns: u32) -> f32 {
  var largest = LOWEST;
  for (var turn = 0u; turn < turns; turn++) {
    let mine = logits_of(start, turn, lane);
    for (var s = 0u; s < LANE_STRANDS; s++) {
      largest = max(largest, mine[s]);
    }
  }
  return max_of_lanes(largest, lane);
}

// log(p[id] / p[the largest]).
fn scaled(value: f32, largest: f32) -> f32 {
  return (value - largest) / select(params.temperature, 1.0, params.temperature == 0.0);
}

// The id of this strand at which the cumulative weight, `before` ahead of the strand, passes `point`.
fn id_at(point: f32, before: f32, start: u32, strand: u32, largest: f32, lowest: f32) -> u32 {
  var id = strand;
  var sum = 0.0;
  for (var i = strand; i < params.vocabulary && before + sum <= point; i += STRANDS) {
    let found = logit(start + i);
    let weight = exp(scaled(found, largest));
    if (found >= lowest && weight > 0.0) {
      id = i;
      sum += weight;
    }
  }
  return id;
}

fn not_finite(value: f32) -> bool {
  return (bitcast<u32>(value) & 0x7fffffffu) >= 0x7f800000u;
}

fn write_token(row: u32, length: u32, end: u32, token: u32, log_prob: f32) {
  tokens[row * params.capacity + length] = token;
  log_probs[row * params.capacity + length] = log_prob;
  note_token(row, token, length);
  var done = length + 1u >= end;
  for (var i = 0u; i < params.end_count; i++) {
    done = done || token == ends[i];
  }
  state[row].length = length + 1u;
  state[row].done = select(0u, 1u, done);
}

// What a lane finds in its strands: the weight of all ids and of those kept, and the first id with the largest
// logit (the number of ids if there is none).
struct Found {
  sums: array<vec2<f32>, LANE_STRANDS>,
  first: u32,
}

fn weigh_ids(start: u32, lane: u32, turns: u32, largest: f32, lowest: f32) -> Found {
  var found = Found();
  found.first = params.vocabulary;
  for (var turn = 0u; turn < turns; turn++) {
    let mine = logits_of(start, turn, lane);
    for (var s = 0u; s < LANE_STRANDS; s++) {
      let i = id_of(turn, lane, s);
      let counts = i < params.vocabulary;
      let weight = select(0.0, exp(scaled(mine[s], largest)), counts);
      found.sums[s] += vec2<f32>(weight, select(0.0, weight, mine[s] >= lowest));
      found.first = select(found.first, min(found.first, i), counts && mine[s] == largest);
    }
  }
  return found;
}

fn draw(row: u32, lane: u32, lowest: f32) {
  let now = state[row];
  let end = min(now.limit, params.capacity);
  let unfinished = now.done == 0u && now.length < end;
  // A finished row has no turns: its lanes only wait for each other.
  let turns = select(0u, (params.vocabulary + STRANDS - 1u) / STRANDS, unfinished);
  let start = row * params.vocabulary;
  let largest = largest_logit(start, lane, turns);
  let found = weigh_ids(start, lane, turns, largest, lowest);
  for (var s = 0u; s < LANE_STRANDS; s++) {
    strand_sums[lane * LANE_STRANDS + s] = found.sums[s];
  }
  lane_first[lane] = found.first;
  await_lanes(); // they have also read the state that one of them will write
  if (!unfinished) {
    if (lane == 0u) {
      state[row].done = 1u;
    }
    return;
  }
  var total = vec2<f32>();
  var first = params.vocabulary;
  for (var i = 0u; i < STRANDS; i++) {
    total += strand_sums[i];
    first = min(first, lane_first[i / LANE_STRANDS]);
  }

  // A row with a logit that is not finite gets an id all the same, with a log-probability that tells.
  let failed = not_finite(total.x) || total.x == 0.0;
  var token = first % params.vocabulary;
  var chosen = lane == 0u;
  if (params.temperature > 0.0 && !failed) {
    let words = threefry(vec2<u32>(params.seed, params.purpose), vec2<u32>(now.episode, now.length));
    let point = to_uniform(words.x) * total.y;
    var strand = STRANDS;
    var ahead = 0.0;
    var before = 0.0; // the weight kept in the strands before this one
    for (var i = 0u; i < STRANDS; i++) {
      let kept = strand_sums[i].y;
      let hit = before <= point && point < before + kept;
      strand = select(strand, i, hit);
      ahead = select(ahead, before, hit);
      before += kept;
    }
    chosen = strand / LANE_STRANDS == lane;
    if (chosen) {
      token = id_at(point, ahead, start, strand, largest, lowest);
    }
  }
  if (chosen) {
    let log_prob = scaled(logit(start + token), largest) - log(total.x);
    write_token(row, now.length, end, token, log_prob);
  }
}
