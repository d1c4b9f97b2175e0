// AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) over flat ranges of parameters, with clipping by
// the norm of all gradients. Three launches, none of which needs the CPU to look at a number:
//
//   squared_norm   partials[first + j] = Σ g² over the part of a range that workgroup j reads
//   begin_step     ‖g‖ = √Σ partials,  c = min(1, max_norm / (‖g‖ + 1e−6));  where ‖g‖ is finite t ← t + 1,
//                  else the step is marked as skipped
//   update         g ← c g,  m ← m + (1 − β₁)(g − m),  v ← v + (1 − β₂)(g² − v),
//                  θ ← (1 − lr · decay) θ − lr / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
//
// The epsilon of TensorFlow's Adam is added to √v before the bias correction: ε / √(1 − β₂ᵗ) in place of
// ε. t counts the steps that were applied, and lives on the GPU, for the CPU does not know of skips.

struct NormParams {
  size: u32,
  first: u32, // where the partials of this range start
}

struct StepParams {
  blocks: u32, // partials of all ranges
  max_norm: f32,
}

struct UpdateParams {
  size: u32,
  learning_rate: f32,
  rate1: f32, // 1 − β₁; both forms come from float64, where 1 − β loses nothing
  rate2: f32, // 1 − β₂
  log_beta1: f32,
  log_beta2: f32,
  epsilon: f32,
  weight_decay: f32,
  correct_epsilon: u32, // 1 for TensorFlow's placement
}

override WORKGROUP: u32 = 64;

const LANES: u32 = 256u;
const NORM: u32 = 0u;
const CLIP: u32 = 1u;
const SKIPPED: u32 = 2u;
const STEP: u32 = 3u;
const SKIPS: u32 = 4u;

@group(0) @binding(0) var<uniform> norm_params: NormParams;
@group(0) @binding(1) var<uniform> step_params: StepParams;
@group(0) @binding(2) var<uniform> params: UpdateParams;
@group(0) @binding(3) var<storage, read> gradients: array<f32>; // [size]
@group(0) @binding(4) var<storage, read_write> partials: array<f32>; // [blocks]
@group(0) @binding(5) var<storage, read_write> state: array<f32>; // [8]
@group(0) @binding(6) var<storage, read_write> weights: array<f32>; // [size]
@group(0) @binding(7) var<storage, read_write> moment1: array<f32>; // [size]
@group(0) @binding(8) var<storage, read_write> moment2: array<f32>; // [size]

var<workgroup> lanes: array<f32, LANES>;

/// The sum of `mine` over all lanes, for lane 0. One barrier: a tree of them takes software adapters
/// seconds to compile.
fn total(lane: u32, mine: f32) -> f32 {
  lanes[lane] = mine;
  workgroupBarrier();
  var sum = 0.0;
  if (lane == 0u) {
    for (var other = 0u; other < LANES; other++) {
      sum += lanes[other];
    }
  }
  return sum;
}

@compute @workgroup_size(LANES)
fn squared_norm(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  var mine = 0.0;
  for (var i = group.x * LANES + lane; i < norm_params.size; i += groups.x * LANES) {
    mine += gradients[i] * gradients[i];
  }
  let sum = total(lane, mine);
  if (lane == 0u) {
    partials[norm_params.first + group.x] = sum;
  }
}

fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

@compute @workgroup_size(LANES)
fn begin_step(@builtin(local_invocation_index) lane: u32) {
  var mine = 0.0;
  for (var i = lane; i < step_params.blocks; i += LANES) {
    mine += partials[i];
  }
  let norm = sqrt(total(lane, mine));
  if (lane == 0u) {
    state[NORM] = norm;
    if (is_finite(norm)) {
      state[CLIP] = min(1.0, step_params.max_norm / (norm + 1e-6));
      state[SKIPPED] = 0.0;
      state[STEP] += 1.0;
    } else {
      state[CLIP] = 0.0;
      state[SKIPPED] = 1.0;
      state[SKIPS] += 1.0;
    }
  }
}

/// 1 − exp(x) for x ≤ 0; near 0 from its series, where the difference would cancel.
fn one_minus_exp(x: f32) -> f32 {
  if (x < -0.5) {
    return 1.0 - exp(x);
  }
  var series = 1.0;
  for (var k = 9.0; k > 1.0; k -= 1.0) {
    series = 1.0 + x / k * series;
  }
  return -x * series;
}

@compute @workgroup_size(WORKGROUP)
fn update(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  if (state[SKIPPED] != 0.0) {
    return;
  }
  let correction1 = one_minus_exp(state[STEP] * params.log_beta1);
  let correction2 = sqrt(one_minus_exp(state[STEP] * params.log_beta2));
  let epsilon = select(params.epsilon, params.epsilon / correction2, params.correct_epsilon == 1u);
  let row = groups.x * WORKGROUP;
  for (var i = id.x + id.y * row; i < params.size; i += row * groups.y) {
    let g = state[CLIP] * gradients[i];
    let m = moment1[i] + params.rate1 * (g - moment1[i]);
    let v = moment2[i] + params.rate2 * (g * g - moment2[i]);
    moment1[i] = m;
    moment2[i] = v;
    let kept = weights[i] * (1.0 - params.learning_rate * params.weight_decay);
    weights[i] = kept - params.learning_rate / correction1 * m / (sqrt(v) / correction2 + epsilon);
  }
}
