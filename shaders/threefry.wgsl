// Random words by counting, brought into shaders by their line `// include threefry`.

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
