// What the forward pass of attention is told, brought into attention.wgsl and attention_subgroup.wgsl by their line
// `// include attention_params`: heads need not lie next to each other.

struct ForwardParams {
  heads: u32, // H, query heads
  key_heads: u32, // Hk, key and value heads; a divisor of H
  scale: f32,
  head_vectors: u32, // D / 4
  q_first: u32, // a head h of row n of q begins at vec4 q_first + n · q_row + h · q_head; k and v likewise
  q_row: u32,
  q_head: u32,
  k_first: u32,
  k_row: u32,
  k_head: u32,
  v_first: u32,
  v_row: u32,
  v_head: u32,
}
