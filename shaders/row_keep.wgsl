// STORE of row_program.wgsl, brought into shaders by their line `// include row_keep`. They tell what lies in `work` by a
// function vector(i), i in vec4s, and have the cache bound as cache_k and cache_v, and the rows' sequences.

// Where vec4 `column` of a row of heads lies, from where the first does.
fn in_heads(now: Instruction, row: u32, column: u32) -> u32 {
  let of_head = now.inner / 4u;
  return row * now.weight + column / of_head * now.bias + column % of_head;
}

// Vec4 `column` of a row's keys and values goes where attention_texture.wgsl looks for it.
fn keep(now: Instruction, row: u32, column: u32, position: u32) {
  let capacity = now.form;
  if (position >= capacity) {
    return;
  }
  let of_head = now.inner / 4u;
  let head = column / of_head;
  let heads = now.columns / now.inner;
  let slot = slot_of(sequences[row], head, position, heads, capacity, now.together);
  let place = texel(now.cached + slot * of_head + column % of_head);
  let at = in_heads(now, row, column);
  textureStore(cache_k, place, vector(now.source + at));
  textureStore(cache_v, place, vector(now.second + at));
}
