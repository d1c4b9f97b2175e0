// What an adapter can do at most, for the roofline beside a measured kernel: nothing but arithmetic, and
// nothing but memory traffic.
//
//   multiply_add   in each thread, eight vectors go through c ← factor · c + term, `rounds` times
//   copy           out[i] = x[i]

struct Params {
  count: u32, // threads
  rounds: u32,
  factor: f32,
  term: f32,
}

struct CopyParams {
  count: u32, // vectors
}

override WORKGROUP: u32 = 64;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(0) var<uniform> copied: CopyParams;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>; // [count]
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>; // [count]

@compute @workgroup_size(WORKGROUP)
fn multiply_add(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.count) {
    return;
  }
  // Eight independent chains hide the latency of each; a private array of them would live in memory.
  let factor = vec4(params.factor);
  let term = vec4(params.term);
  var c0 = vec4(f32(id.x));
  var c1 = c0 + 1.0;
  var c2 = c0 + 2.0;
  var c3 = c0 + 3.0;
  var c4 = c0 + 4.0;
  var c5 = c0 + 5.0;
  var c6 = c0 + 6.0;
  var c7 = c0 + 7.0;
  for (var i = 0u; i < params.rounds; i++) {
    c0 = fma(c0, factor, term);
    c1 = fma(c1, factor, term);
    c2 = fma(c2, factor, term);
    c3 = fma(c3, factor, term);
    c4 = fma(c4, factor, term);
    c5 = fma(c5, factor, term);
    c6 = fma(c6, factor, term);
    c7 = fma(c7, factor, term);
  }
  out[id.x] = c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7;
}

@compute @workgroup_size(WORKGROUP)
fn copy(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i < copied.count) {
    out[i] = x[i];
  }
}
