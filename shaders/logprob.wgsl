// Log-probability of one token per row of logits, with the row's entropy and log-sum-exp. The rows
// are a chunk of a longer list of G positions; row r of the chunk is position g = offset + r.
// With z = logits / temperature, p = softmax(z), L = log Σₖ exp zₖ and H the entropy:
//
//   forward    log_prob[g] = z[target] − L,   entropy[g] = H = −Σₖ pₖ log pₖ,   log_sum_exp[g] = L
//   backward   logits[r, j] ← (d_log_prob[g] · (1{j = target} − pⱼ)
//                              − d_entropy[g] · pⱼ · (log pⱼ + H)) / temperature

struct Params {
  rows: u32,
  vocabulary: u32,
  offset: u32,
  temperature: f32,
}

const WORKGROUP: u32 = 64u; // lanes of a row; real GPUs get 256
const LOWEST: f32 = -1e30;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> logits: array<f32>; // [rows, vocabulary], overwritten by backward
@group(0) @binding(2) var<storage, read> targets: array<u32>; // [G]
@group(0) @binding(3) var<storage, read_write> log_prob: array<f32>; // [G]
@group(0) @binding(4) var<storage, read_write> entropy: array<f32>; // [G], read by backward
@group(0) @binding(5) var<storage, read_write> log_sum_exp: array<f32>; // [G], read by backward
@group(0) @binding(6) var<storage, read> d_log_prob: array<f32>; // [G]
@group(0) @binding(7) var<storage, read> d_entropy: array<f32>; // [G]

alias Value = vec2<f32>; // of a lane
// include reductions

@compute @workgroup_size(WORKGROUP)
fn forward(
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

  var largest = LOWEST;
  for (var i = start + lane; i < end; i += WORKGROUP) {
    largest = max(largest, logits[i] / params.temperature);
  }
  largest = max_of_lanes(Value(largest), lane).x;

  var sums = vec2<f32>(); // Σ exp(z − m) and Σ exp(z − m) · (z − m)
  for (var i = start + lane; i < end; i += WORKGROUP) {
    let shifted = logits[i] / params.temperature - largest;
    sums += exp(shifted) * vec2<f32>(1.0, shifted);
  }
  sums = sum_of_lanes(sums, lane);

  if (lane == 0u) {
    let position = params.offset + row;
    let chosen = targets[position];
    let shifted = logits[start + chosen] / params.temperature - largest;
    log_prob[position] = select(LOWEST, shifted - log(sums.x), chosen < params.vocabulary);
    entropy[position] = log(sums.x) - sums.y / sums.x;
    log_sum_exp[position] = largest + log(sums.x);
  }
}

// Columns of a row that a workgroup goes through: what belongs to the row is loaded once for many of them.
const STRETCH: u32 = 1024u;

@compute @workgroup_size(WORKGROUP)
fn backward(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let stretches = (params.vocabulary + STRETCH - 1u) / STRETCH;
  let stretch = group.x + group.y * groups.x;
  let row = stretch / stretches;
  if (row >= params.rows) {
    return;
  }
  let position = params.offset + row;
  let chosen = targets[position];
  let sum = log_sum_exp[position];
  let h = entropy[position];
  let upstream = vec2<f32>(d_log_prob[position], d_entropy[position]);
  let first = stretch % stretches * STRETCH;
  let end = min(first + STRETCH, params.vocabulary);
  for (var j = first + lane; j < end; j += WORKGROUP) {
    let i = row * params.vocabulary + j;
    let log_p = logits[i] / params.temperature - sum;
    let p = exp(log_p);
    let hit = select(0.0, 1.0, j == chosen);
    let gradient = upstream.x * (hit - p) - upstream.y * p * (log_p + h);
    logits[i] = gradient / params.temperature;
  }
}
