// Where vec4 i of a tensor in a texture lies (engine/gpu/textures.ts), brought into shaders by their line `// include
// texels`.

const TEXELS_PER_ROW: u32 = 4096u; // of engine/gpu/textures.ts

fn texel(i: u32) -> vec2<u32> {
  return vec2<u32>(i % TEXELS_PER_ROW, i / TEXELS_PER_ROW);
}
