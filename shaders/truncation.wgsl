// Where top-k and top-p cut: one workgroup a row, its lanes striding over the logits.
//
//   threshold[b] = the lowest logit kept; what ties with it is kept too
//
// Top-k keeps the k largest logits. Top-p then looks at the softmax of what is left, divided by the
// temperature: it drops a logit when it and all that are not above it weigh at most 1 − p.
// Both thresholds are found by bisection over the bits of the float, so they are exact.

struct Params {
  rows: u32,
  vocabulary: u32,
  temperature: f32,
  top_k: u32, // 0: off
  top_p: f32, // 1: off
}

const WORKGROUP: u32 = 64u; // lanes of a row; real GPUs get 256
const LOWEST: f32 = -3.4e38;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>; // [rows, vocabulary]
@group(0) @binding(2) var<storage, read_write> threshold: array<f32>; // [rows]

alias Value = f32; // of a lane
// include reductions

fn largest_logit(start: u32, end: u32, lane: u32) -> f32 {
  var largest = LOWEST;
  for (var i = start + lane; i < end; i += WORKGROUP) {
    largest = max(largest, logits[i]);
  }
  return max_of_lanes(largest, lane);
}

// An integer that orders as the numbers do; both zeros are one.
fn ordered(value: f32) -> u32 {
  let bits = select(bitcast<u32>(value), 0u, value == 0.0);
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

fn from_ordered(key: u32) -> f32 {
  return bitcast<f32>(select(~key, key & 0x7fffffffu, key >= 0x80000000u));
}

// The k-th largest logit, as the largest key that k logits reach, built from its highest bit down.
fn top_k_key(start: u32, end: u32, lane: u32) -> u32 {
  var key = 0u;
  for (var bit = 0x80000000u; bit > 0u; bit >>= 1u) {
    var count = 0.0; // exact, for it stays below 2²⁴
    for (var i = start + lane; i < end; i += WORKGROUP) {
      count += select(0.0, 1.0, ordered(logits[i]) >= (key | bit));
    }
    count = sum_of_lanes(count, lane);
    key = select(key, key | bit, count >= f32(params.top_k));
  }
  return key;
}

// The weight of the logits from key `low` up to, not including, key `high`.
fn weight_between(start: u32, end: u32, lane: u32, largest: f32, low: u32, high: u32) -> f32 {
  var sum = 0.0;
  for (var i = start + lane; i < end; i += WORKGROUP) {
    let key = ordered(logits[i]);
    let weight = exp((logits[i] - largest) / params.temperature);
    sum += select(0.0, weight, key >= low && key < high);
  }
  return sum_of_lanes(sum, lane);
}

// The lowest logit that top-p keeps: the largest key below which at most 1 − p of the weight lies.
fn top_p_key(start: u32, end: u32, lane: u32, kept: u32) -> u32 {
  let largest = largest_logit(start, end, lane);
  let total = weight_between(start, end, lane, largest, kept, 0xffffffffu);
  let allowance = (1.0 - params.top_p) * total;
  var key = 0u;
  for (var bit = 0x80000000u; bit > 0u; bit >>= 1u) {
    let below = weight_between(start, end, lane, largest, kept, key | bit);
    key = select(key, key | bit, below <= allowance);
  }
  return min(key, ordered(largest));
}

@compute @workgroup_size(WORKGROUP)
fn truncation(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.rows) {
    return;
  }
  let start = row * params.vocabulary;
  let end = start + params.vocabulary;
  var key = 0u;
  if (params.top_k > 0u) {
    key = top_k_key(start, end, lane);
  }
  if (params.top_p < 1.0) {
    key = top_p_key(start, end, lane, key);
  }
  if (lane == 0u) {
    threshold[row] = from_ordered(key);
  }
}
