// Counter-based random numbers: the words that the engine's other kernels draw, one place a thread.
// The functions below stand in every shader that draws; a test holds their texts together, and
// engine/ops/threefry.ts computes the same on the CPU.
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

// Threefry-2x32 with 20 rounds (J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
fn threefry(key: vec2<u32>, counter: vec2<u32>) -> vec2<u32> {
  var keys = array<u32, 3>(key.x, key.y, 0x1bd11bdau ^ key.x ^ key.y);
  var word = counter + key;
  for (var turn = 0u; turn < 5u; turn++) {
    var rotations = select(vec4<u32>(17u, 29u, 16u, 24u), vec4<u32>(13u, 15u, 26u, 6u), turn % 2u == 0u);
    for (var i = 0u; i < 4u; i++) {
      word.x += word.y;
      word.y = ((word.y << rotations[i]) | (word.y >> (32u - rotations[i]))) ^ word.x;
    }
    word += vec2<u32>(keys[(turn + 1u) % 3u], keys[(turn + 2u) % 3u] + turn + 1u);
  }
  return word;
}

// A number in (0, 1) with the 24 bits that a float holds exactly.
fn to_uniform(bits: u32) -> f32 {
  return max(f32(bits >> 8u), 0.5) / 16777216.0;
}

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
