// What the kernels of decoding share that read the cache from textures (attention_texture*.wgsl).

const TEXELS_PER_ROW: u32 = 4096u; // of engine/gpu/textures.ts

struct CacheParams {
  heads: u32, // H
  key_heads: u32, // Hk
  scale: f32,
  head_vectors: u32, // HEAD_VECTORS
  capacity: u32, // T, rows of the cache per sequence
  q_first: u32, // a head h of row b of q begins at vec4 q_first + b · q_row + h · q_head
  q_row: u32,
  q_head: u32,
}

@group(0) @binding(0) var<uniform> cache: CacheParams;
@group(0) @binding(1) var<storage, read> positions: array<u32>; // [B]: where the new row of each sequence stands
@group(0) @binding(2) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(3) var cached_k: texture_storage_2d<rgba32float, read>; // [B, Hk, T, D]
@group(0) @binding(4) var cached_v: texture_storage_2d<rgba32float, read>; // [B, Hk, T, D]
@group(0) @binding(5) var<storage, read_write> out: array<vec4<f32>>; // [B, H, D]

const MASKED: f32 = -1e30;

fn texel(i: u32) -> vec2<u32> {
  return vec2<u32>(i % TEXELS_PER_ROW, i / TEXELS_PER_ROW);
}
