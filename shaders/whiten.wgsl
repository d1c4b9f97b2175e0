// Mean, variance and whitening over the GENERATED tokens of a batch. With n of them:
//
//   moments         (n, μ, σ²)   μ = Σ x / n,  σ² = Σ (x − μ)² / n;  all 0 where n = 0
//   whiten          y = (x − μ) / √(σ² + 1e−8)  (+ μ)   where GENERATED, 0 elsewhere
//   mean            m = Σ x / count, with count given: the n of a whole batch
//   mean_gradient   ∂x = ∂m / count   where GENERATED, 0 elsewhere
//
// Sums run in one workgroup: a batch has some ten thousand tokens, and the order of additions is fixed.

struct Params {
  size: u32, // B · T
  count: f32,
  keep_mean: u32,
}

override WORKGROUP: u32 = 64;

const GENERATED: u32 = 3u;
const LANES: u32 = 256u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [B, T]
@group(0) @binding(2) var<storage, read> roles: array<u32>; // [B, T]
@group(0) @binding(3) var<storage, read_write> moments_out: array<f32>; // [3]: n, μ, σ²
@group(0) @binding(4) var<storage, read> moments_in: array<f32>; // [3]
@group(0) @binding(5) var<storage, read_write> out: array<f32>; // [B, T]
@group(0) @binding(6) var<storage, read_write> mean_out: array<f32>; // [1]
@group(0) @binding(7) var<storage, read> upstream: array<f32>; // [1]

var<workgroup> partials: array<vec2<f32>, LANES>;

/// The sum of `mine` over all lanes, in every lane. Each lane adds all partials itself: a tree of
/// barriers takes software adapters seconds to compile.
fn total(lane: u32, mine: vec2<f32>) -> vec2<f32> {
  partials[lane] = mine;
  workgroupBarrier();
  var sum = vec2<f32>(0.0);
  for (var other = 0u; other < LANES; other++) {
    sum += partials[other];
  }
  workgroupBarrier(); // the next call overwrites the partials
  return sum;
}

@compute @workgroup_size(LANES)
fn moments(@builtin(local_invocation_index) lane: u32) {
  var mine = vec2<f32>(0.0);
  for (var i = lane; i < params.size; i += LANES) {
    if (roles[i] == GENERATED) {
      mine += vec2<f32>(1.0, x[i]);
    }
  }
  let counted = total(lane, mine);
  let divisor = max(counted.x, 1.0);
  let mean = counted.y / divisor;
  mine = vec2<f32>(0.0);
  for (var i = lane; i < params.size; i += LANES) {
    if (roles[i] == GENERATED) {
      let difference = x[i] - mean;
      mine += vec2<f32>(difference, difference * difference);
    }
  }
  // The mean is itself rounded; what it is off by is the mean of the differences.
  let off = total(lane, mine) / divisor;
  if (lane == 0u) {
    moments_out[0] = counted.x;
    moments_out[1] = mean + off.x;
    moments_out[2] = max(off.y - off.x * off.x, 0.0);
  }
}

@compute @workgroup_size(LANES)
fn mean(@builtin(local_invocation_index) lane: u32) {
  var mine = 0.0;
  for (var i = lane; i < params.size; i += LANES) {
    if (roles[i] == GENERATED) {
      mine += x[i];
    }
  }
  let sum = total(lane, vec2<f32>(mine, 0.0)).x;
  if (lane == 0u) {
    mean_out[0] = sum / params.count;
  }
}

fn element(id: vec3<u32>, groups: vec3<u32>) -> u32 {
  return id.x + id.y * groups.x * WORKGROUP;
}

@compute @workgroup_size(WORKGROUP)
fn whiten(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = element(id, groups);
  if (i >= params.size) {
    return;
  }
  var value = 0.0;
  if (roles[i] == GENERATED) {
    value = (x[i] - moments_in[1]) / sqrt(moments_in[2] + 1e-8);
    if (params.keep_mean == 1u) {
      value += moments_in[1];
    }
  }
  out[i] = value;
}

@compute @workgroup_size(WORKGROUP)
fn mean_gradient(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = element(id, groups);
  if (i < params.size) {
    out[i] = select(0.0, upstream[0] / params.count, roles[i] == GENERATED);
  }
}
