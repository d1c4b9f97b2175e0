// What the kernels of decoding are told, brought into those of attention.wgsl and attention_texture*.wgsl by their
// line `// include cache_params`.

struct CacheParams {
  heads: u32, // H
  key_heads: u32, // Hk
  scale: f32,
  head_vectors: u32, // HEAD_VECTORS
  capacity: u32, // T, rows of the cache per sequence
  together: u32, // G, key heads that lie side by side; 1 in buffers
  first: u32, // the vec4 of a texture at which the cache begins
  q_first: u32, // a head h of row b of q begins at vec4 q_first + b · q_row + h · q_head
  q_row: u32,
  q_head: u32,
}

struct StoreParams {
  rows: u32, // N
  key_heads: u32, // Hk
  head_vectors: u32, // D / 4
  capacity: u32, // T
  first: u32, // as above
  k_first: u32, // a head h of row n of k begins at vec4 k_first + n · k_row + h · k_head; v likewise
  k_row: u32,
  k_head: u32,
  v_first: u32,
  v_row: u32,
  v_head: u32,
}
