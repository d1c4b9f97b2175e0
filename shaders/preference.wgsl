// Losses on pairs of a chosen and a rejected response, summed over n pairs and divided by their count in
// the whole batch. With ℓ(x) = −log σ(x) = log(1 + exp(−x)), whose derivative is −σ(−x):
//
//   Bradley–Terry   L = Σ ℓ(c − r − m) + k (c + r)²,     c, r: rewards, m: margin
//   DPO             L = Σ (1 − s) ℓ(β h) + s ℓ(−β h),    h = (log π/π_ref)(chosen) − (log π/π_ref)(rejected)
//   IPO             L = Σ (h − 1 / (2 β))²
//
// No exponential has a positive argument, so large differences neither overflow nor lose their gradient.
// All gradients with respect to a chosen and a rejected entry come from one launch.

struct BradleyTerry {
  size: u32, // n
  count: f32,
  centering: f32, // k
  has_margin: u32,
}

struct Direct {
  size: u32, // n
  count: f32,
  beta: f32, // β
  label_smoothing: f32, // s
  squared: u32, // 1 for IPO
}

override WORKGROUP: u32 = 64;

const LANES: u32 = 64u;

@group(0) @binding(0) var<uniform> params: BradleyTerry;
@group(0) @binding(1) var<uniform> direct: Direct;
@group(0) @binding(2) var<storage, read> chosen: array<f32>; // [n]
@group(0) @binding(3) var<storage, read> rejected: array<f32>; // [n]
@group(0) @binding(4) var<storage, read> margin: array<f32>; // [n]
@group(0) @binding(5) var<storage, read> reference_chosen: array<f32>; // [n]
@group(0) @binding(6) var<storage, read> reference_rejected: array<f32>; // [n]
@group(0) @binding(7) var<storage, read_write> loss: array<f32>; // [1]
@group(0) @binding(8) var<storage, read> upstream: array<f32>; // [1]
@group(0) @binding(9) var<storage, read_write> d_chosen: array<f32>; // [n]
@group(0) @binding(10) var<storage, read_write> d_rejected: array<f32>; // [n]

var<workgroup> partials: array<f32, LANES>;

/// The sum of `mine` over all lanes, for lane 0. One barrier: a tree of them takes software adapters
/// seconds to compile.
fn total(lane: u32, mine: f32) -> f32 {
  partials[lane] = mine;
  workgroupBarrier();
  var sum = 0.0;
  if (lane == 0u) {
    for (var other = 0u; other < LANES; other++) {
      sum += partials[other];
    }
  }
  return sum;
}

/// −log σ(x).
fn negative_log_sigmoid(x: f32) -> f32 {
  let e = exp(-abs(x));
  // log(1 + e) from its series where 1 + e would round e away.
  let tail = select(log(1.0 + e), e * (1.0 - e * (0.5 - e * (1.0 / 3.0 - 0.25 * e))), e < 0.03);
  return max(-x, 0.0) + tail;
}

fn sigmoid(x: f32) -> f32 {
  let e = exp(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}

fn difference(i: u32) -> f32 {
  return chosen[i] - rejected[i] - select(0.0, margin[i], params.has_margin == 1u);
}

@compute @workgroup_size(LANES)
fn bradley_terry(@builtin(local_invocation_index) lane: u32) {
  var mine = 0.0;
  for (var i = lane; i < params.size; i += LANES) {
    let sum = chosen[i] + rejected[i];
    mine += negative_log_sigmoid(difference(i)) + params.centering * sum * sum;
  }
  let sum = total(lane, mine);
  if (lane == 0u) {
    loss[0] = sum / params.count;
  }
}

@compute @workgroup_size(WORKGROUP)
fn bradley_terry_gradient(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.x;
  if (i >= params.size) {
    return;
  }
  let scale = upstream[0] / params.count;
  let push = -sigmoid(-difference(i));
  let pull = 2.0 * params.centering * (chosen[i] + rejected[i]);
  d_chosen[i] = scale * (push + pull);
  d_rejected[i] = scale * (pull - push);
}

fn log_ratio(i: u32) -> f32 {
  return (chosen[i] - reference_chosen[i]) - (rejected[i] - reference_rejected[i]);
}

@compute @workgroup_size(LANES)
fn direct_preference(@builtin(local_invocation_index) lane: u32) {
  var mine = 0.0;
  for (var i = lane; i < direct.size; i += LANES) {
    let h = log_ratio(i);
    if (direct.squared == 1u) {
      let off = h - 0.5 / direct.beta;
      mine += off * off;
    } else {
      mine += (1.0 - direct.label_smoothing) * negative_log_sigmoid(direct.beta * h);
      mine += direct.label_smoothing * negative_log_sigmoid(-direct.beta * h);
    }
  }
  let sum = total(lane, mine);
  if (lane == 0u) {
    loss[0] = sum / direct.count;
  }
}

@compute @workgroup_size(WORKGROUP)
fn direct_preference_gradient(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.x;
  if (i >= direct.size) {
    return;
  }
  let h = log_ratio(i);
  var push = 2.0 * (h - 0.5 / direct.beta);
  if (direct.squared == 0u) {
    let wanted = (1.0 - direct.label_smoothing) * sigmoid(-direct.beta * h);
    push = -direct.beta * (wanted - direct.label_smoothing * sigmoid(direct.beta * h));
  }
  push *= upstream[0] / direct.count;
  d_chosen[i] = push;
  d_rejected[i] = -push;
}
