// The clipped losses of proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347), summed
// over GENERATED tokens and divided by their count in the whole batch.
//
//   policy   ρ = exp(log π − log π_old)
//            L = Σ max(−A ρ, −A clamp(ρ, 1 − ε, 1 + ε)) / count
//   value    V̄ = min(max(V, V_old − ε), V_old + ε)
//            L = ½ Σ max((V − R)², (V̄ − R)²) / count
//
// Where the two arguments of a maximum or minimum are equal, each gets half of the gradient, as in
// PyTorch. The statistics are sums (and one maximum) over the GENERATED tokens given:
//
//   policy   tokens, clipped tokens, Σ ½ (log ρ)², Σ ρ, Σ (ρ − 1)², max ρ
//   value    tokens, clipped tokens, Σ (V − R)², Σ V, Σ R, max |V − R|

struct Params {
  size: u32, // B · T
  clip: f32, // ε
  count: f32,
}

override WORKGROUP: u32 = 64;

const GENERATED: u32 = 3u;
const LANES: u32 = 256u;
const SLOTS: u32 = 7u; // the loss and six statistics

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> roles: array<u32>; // [B, T]
@group(0) @binding(2) var<storage, read> log_probs: array<f32>; // [B, T]
@group(0) @binding(3) var<storage, read> old_log_probs: array<f32>; // [B, T]
@group(0) @binding(4) var<storage, read> advantages: array<f32>; // [B, T]
@group(0) @binding(5) var<storage, read> values: array<f32>; // [B, T]
@group(0) @binding(6) var<storage, read> old_values: array<f32>; // [B, T]
@group(0) @binding(7) var<storage, read> returns: array<f32>; // [B, T]
@group(0) @binding(8) var<storage, read_write> loss: array<f32>; // [1]
@group(0) @binding(9) var<storage, read_write> statistics: array<f32>; // [6]
@group(0) @binding(10) var<storage, read> upstream: array<f32>; // [1]
@group(0) @binding(11) var<storage, read_write> gradient: array<f32>; // [B, T]

var<workgroup> partials: array<array<f32, SLOTS>, LANES>;

/// Adds each slot over all lanes, the last slot by its maximum, and writes loss and statistics. A lane
/// a slot and one barrier: a tree of barriers takes software adapters seconds to compile.
fn reduce(lane: u32, mine: array<f32, SLOTS>) {
  partials[lane] = mine;
  workgroupBarrier();
  if (lane >= SLOTS) {
    return;
  }
  var result = 0.0;
  for (var other = 0u; other < LANES; other++) {
    let part = partials[other][lane];
    result = select(result + part, max(result, part), lane == SLOTS - 1u);
  }
  if (lane == 0u) {
    loss[0] = result / params.count;
  } else {
    statistics[lane - 1u] = result;
  }
}

/// The share of the gradient of max(a, b) that goes to a.
fn share(a: f32, b: f32) -> f32 {
  return select(select(0.0, 0.5, a == b), 1.0, a > b);
}

fn clip_ratio(ratio: f32) -> f32 {
  return clamp(ratio, 1.0 - params.clip, 1.0 + params.clip);
}

fn clip_value(value: f32, old: f32) -> f32 {
  return min(max(value, old - params.clip), old + params.clip);
}

@compute @workgroup_size(LANES)
fn policy_loss(@builtin(local_invocation_index) lane: u32) {
  var sums: array<f32, SLOTS>;
  for (var i = lane; i < params.size; i += LANES) {
    if (roles[i] == GENERATED) {
      let log_ratio = log_probs[i] - old_log_probs[i];
      let ratio = exp(log_ratio);
      let free = -advantages[i] * ratio;
      let clipped = -advantages[i] * clip_ratio(ratio);
      sums[0] += max(free, clipped);
      sums[1] += 1.0;
      sums[2] += select(0.0, 1.0, clipped > free);
      sums[3] += 0.5 * log_ratio * log_ratio;
      sums[4] += ratio;
      sums[5] += (ratio - 1.0) * (ratio - 1.0);
      sums[6] = max(sums[6], ratio);
    }
  }
  reduce(lane, sums);
}

@compute @workgroup_size(LANES)
fn value_loss(@builtin(local_invocation_index) lane: u32) {
  var sums: array<f32, SLOTS>;
  for (var i = lane; i < params.size; i += LANES) {
    if (roles[i] == GENERATED) {
      let error = values[i] - returns[i];
      let clipped_error = clip_value(values[i], old_values[i]) - returns[i];
      let free = error * error;
      let clipped = clipped_error * clipped_error;
      sums[0] += 0.5 * max(free, clipped);
      sums[1] += 1.0;
      sums[2] += select(0.0, 1.0, clipped > free);
      sums[3] += free;
      sums[4] += values[i];
      sums[5] += returns[i];
      sums[6] = max(sums[6], abs(error));
    }
  }
  reduce(lane, sums);
}

fn element(id: vec3<u32>, groups: vec3<u32>) -> u32 {
  return id.x + id.y * groups.x * WORKGROUP;
}

@compute @workgroup_size(WORKGROUP)
fn policy_gradient(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = element(id, groups);
  if (i >= params.size) {
    return;
  }
  var slope = 0.0;
  if (roles[i] == GENERATED) {
    let ratio = exp(log_probs[i] - old_log_probs[i]);
    let clipped_ratio = clip_ratio(ratio);
    let free = -advantages[i] * ratio;
    let to_free = share(free, -advantages[i] * clipped_ratio);
    let inside = select(0.0, 1.0, clipped_ratio == ratio);
    slope = upstream[0] * free * (to_free + (1.0 - to_free) * inside) / params.count;
  }
  gradient[i] = slope;
}

@compute @workgroup_size(WORKGROUP)
fn value_gradient(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = element(id, groups);
  if (i >= params.size) {
    return;
  }
  var slope = 0.0;
  if (roles[i] == GENERATED) {
    let low = old_values[i] - params.clip;
    let high = old_values[i] + params.clip;
    let error = values[i] - returns[i];
    let clipped_error = clip_value(values[i], old_values[i]) - returns[i];
    let to_free = share(error * error, clipped_error * clipped_error);
    let inside = share(values[i], low) * share(high, max(values[i], low));
    slope = error * to_free + clipped_error * (1.0 - to_free) * inside;
    slope *= upstream[0] / params.count;
  }
  gradient[i] = slope;
}
