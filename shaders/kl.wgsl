// Kullback–Leibler divergence from a reference, of full rows and estimated from sampled tokens.
// With p = softmax(logits[r]) and q = softmax(reference[r]):
//
//   kl_rows                 kl[r] = Σₖ pₖ (log pₖ − log qₖ),   log_sum_exp[r] = those of logits and reference
//   kl_gradient             gradient[r, j] = upstream[r] · pⱼ · (log pⱼ − log qⱼ − kl[r])
//   kl_reference_gradient   gradient[r, j] = upstream[r] · (qⱼ − pⱼ)
//
// With d = log_prob[i] − reference_log_prob[i] of a token sampled from p (J. Schulman, "Approximating KL
// divergence", 2020):
//
//   estimates               k1[i] = d,   k2[i] = d²/2,   k3[i] = exp(−d) − 1 + d
//   estimates_gradient      gradient[i] = d_k1[i] + d_k2[i] · d + d_k3[i] · (1 − exp(−d))

struct Params {
  rows: u32,
  vocabulary: u32,
}

struct Elements {
  count: u32,
}

const WORKGROUP: u32 = 64u; // lanes of a row; real GPUs get 256
const LOWEST: f32 = -1e30;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>; // [rows, vocabulary]
@group(0) @binding(2) var<storage, read> reference: array<f32>; // [rows, vocabulary]
@group(0) @binding(3) var<storage, read_write> kl: array<f32>; // [rows], read by the gradients
@group(0) @binding(4) var<storage, read_write> log_sum_exp: array<vec2<f32>>; // [rows, 2], read by the gradients
@group(0) @binding(5) var<storage, read> upstream: array<f32>; // [rows]
@group(0) @binding(6) var<storage, read_write> gradient: array<f32>; // [rows, vocabulary] or [count]

@group(0) @binding(7) var<uniform> elements: Elements;
@group(0) @binding(8) var<storage, read> log_prob: array<f32>; // [count]
@group(0) @binding(9) var<storage, read> reference_log_prob: array<f32>; // [count]
@group(0) @binding(10) var<storage, read_write> k1: array<f32>; // [count]
@group(0) @binding(11) var<storage, read_write> k2: array<f32>; // [count]
@group(0) @binding(12) var<storage, read_write> k3: array<f32>; // [count]
@group(0) @binding(13) var<storage, read> d_k1: array<f32>; // [count]
@group(0) @binding(14) var<storage, read> d_k2: array<f32>; // [count]
@group(0) @binding(15) var<storage, read> d_k3: array<f32>; // [count]

alias Value = vec3<f32>; // of a lane
// include reductions

@compute @workgroup_size(WORKGROUP)
fn kl_rows(
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

  var largest = vec3<f32>(LOWEST);
  for (var i = start + lane; i < end; i += WORKGROUP) {
    largest = max(largest, vec3<f32>(logits[i], reference[i], LOWEST));
  }
  largest = max_of_lanes(largest, lane);

  var sums = vec3<f32>(); // Σ exp x, Σ exp y and Σ exp x · (x − y), with x and y less their row's largest
  for (var i = start + lane; i < end; i += WORKGROUP) {
    let x = logits[i] - largest.x;
    let y = reference[i] - largest.y;
    sums += vec3<f32>(exp(x), exp(y), exp(x) * (x - y));
  }
  sums = sum_of_lanes(sums, lane);

  if (lane == 0u) {
    kl[row] = sums.z / sums.x - (log(sums.x) - log(sums.y));
    log_sum_exp[row] = largest.xy + log(sums.xy);
  }
}

fn element(id: vec3<u32>, groups: vec3<u32>) -> u32 {
  return id.x + id.y * groups.x * WORKGROUP;
}

@compute @workgroup_size(WORKGROUP)
fn kl_gradient(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = element(id, groups);
  if (i >= params.rows * params.vocabulary) {
    return;
  }
  let row = i / params.vocabulary;
  let log_p = logits[i] - log_sum_exp[row].x;
  let log_q = reference[i] - log_sum_exp[row].y;
  gradient[i] = upstream[row] * exp(log_p) * (log_p - log_q - kl[row]);
}

@compute @workgroup_size(WORKGROUP)
fn kl_reference_gradient(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = element(id, groups);
  if (i >= params.rows * params.vocabulary) {
    return;
  }
  let row = i / params.vocabulary;
  let p = exp(logits[i] - log_sum_exp[row].x);
  let q = exp(reference[i] - log_sum_exp[row].y);
  gradient[i] = upstream[row] * (q - p);
}

// exp(−d) − 1 + d. Near 0, where the subtraction would leave no correct digit, by its series.
fn third_estimate(d: f32) -> f32 {
  let series = d * d * (1.0 / 2.0 - d * (1.0 / 6.0 - d * (1.0 / 24.0 - d * (1.0 / 120.0 - d / 720.0))));
  return select(exp(-d) - 1.0 + d, series, abs(d) < 0.25);
}

@compute @workgroup_size(WORKGROUP)
fn estimates(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = element(id, groups);
  if (i >= elements.count) {
    return;
  }
  let d = log_prob[i] - reference_log_prob[i];
  k1[i] = d;
  k2[i] = d * d / 2.0;
  k3[i] = third_estimate(d);
}

@compute @workgroup_size(WORKGROUP)
fn estimates_gradient(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = element(id, groups);
  if (i >= elements.count) {
    return;
  }
  let d = log_prob[i] - reference_log_prob[i];
  gradient[i] = d_k1[i] + d_k2[i] * d + d_k3[i] * (d - third_estimate(d));
}
