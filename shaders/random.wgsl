// Counter-based random numbers: the words that the engine's other kernels draw, one place a thread.
// Every shader that draws includes the same functions, and engine/ops/threefry.ts computes the same on the CPU.
//
//   random_words   words[i] = Threefry-2x32-20(key = [seed, purpose], counter = [episode, first_token + i])
//                  numbers[i] = the number in (0, 1) made from the first word

struct Params {
  count: u32,
  seed: u32,
  purpose: u32,
  episode: u32,
  first_token: u32,
}

override WORKGROUP: u32 = 64;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> words: array<vec2<u32>>; // [count, 2]
@group(0) @binding(2) var<storage, read_write> numbers: array<f32>; // [count]

// include threefry

@compute @workgroup_size(WORKGROUP)
fn random_words(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i < params.count) {
    words[i] = threefry(
      vec2<u32>(params.seed, params.purpose),
      vec2<u32>(params.episode, params.first_token + i),
    );
    numbers[i] = to_uniform(words[i].x);
  }
}
