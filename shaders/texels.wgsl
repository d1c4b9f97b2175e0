// Where vec4 i of a tensor in a texture lies (engine/gpu/textures.ts), and where a cache has its rows, brought into
// shaders by their line `// include texels`.

const TEXELS_PER_ROW: u32 = 4096u; // of engine/gpu/textures.ts

fn texel(i: u32) -> vec2<u32> {
  return vec2<u32>(i % TEXELS_PER_ROW, i / TEXELS_PER_ROW);
}

// Which head of a cache [B, Hk/G, T, G, D] a key, or value, of head `head` is; `together` is G.
fn slot_of(
  sequence: u32,
  head: u32,
  position: u32,
  key_heads: u32,
  capacity: u32,
  together: u32,
) -> u32 {
  let group = sequence * (key_heads / together) + head / together;
  return (group * capacity + position) * together + head % together;
}
