// What the kernels of decoding share that read the cache from textures (attention_texture*.wgsl).

@group(0) @binding(0) var<uniform> cache: CacheParams;
@group(0) @binding(1) var<storage, read> positions: array<u32>; // [B]: where the new row of each sequence stands
@group(0) @binding(2) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(3) var cached_k: texture_storage_2d<rgba32float, read>; // from cache.first on [B, Hk/G, T, G, D]
@group(0) @binding(4) var cached_v: texture_storage_2d<rgba32float, read>; // likewise
@group(0) @binding(5) var<storage, read_write> out: array<vec4<f32>>; // [B, H, D]
