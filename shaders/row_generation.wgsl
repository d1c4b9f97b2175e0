// Several whole decoding steps in one launch: in each, row_program.wgsl's instructions up to the logits, and then
// sampling.wgsl's draw from them, which is where the next step goes on. Rows know nothing of each other, so a workgroup
// takes its rows from step to step without waiting for another. A row stands where the last token of `state` does. One
// that is done attends to nothing and draws nothing, and a workgroup without any other ends.
//
// Results that are kept, queries, keys and values, lie in a texture of their own, those of each step after the other:
// later steps attend to them, and row_store.wgsl brings keys and values into the cache.
//
// Lanes read what others wrote, and no barriers make that right: only for adapters whose lanes of a subgroup go in step
// (see row_program.wgsl).
enable subgroups;
diagnostic(off, subgroup_uniformity); // that lanes agree on what they read is not for compilers to see

struct Params {
  rows: u32,
  count: u32, // of instructions
  steps: u32, // for at most as many as what is kept has slots
  first_logit: u32, // the vec4 of `work` at which [rows, vocabulary] logits begin
  vocabulary: u32, // a multiple of 4
  temperature: f32,
  seed: u32,
  purpose: u32,
  capacity: u32, // columns of tokens
  end_count: u32,
  kept: u32, // the place of the first vec4 that is kept; all those from there on are
  kept_vectors: u32, // of each step
}

// include row_instruction
// include row_kept

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> program: array<Instruction>;
@group(0) @binding(2) var weights: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read> frequencies: array<u32>; // of pairs, in 2⁻³² turns a position
@group(0) @binding(4) var<storage, read> sequences: array<u32>; // [rows]
@group(0) @binding(5) var<storage, read_write> work: array<f32>;
@group(0) @binding(6) var cached_k: texture_storage_2d<rgba32float, read>; // layers of [B, Hk/G, T, G, D]
@group(0) @binding(7) var cached_v: texture_storage_2d<rgba32float, read>; // layers of [B, Hk/G, T, G, D]
@group(0) @binding(8) var<storage, read_write> tokens: array<u32>; // [rows, capacity]
@group(0) @binding(9) var<storage, read_write> log_probs: array<f32>; // [rows, capacity]
@group(0) @binding(10) var<storage, read_write> state: array<State>; // [rows, 4]
@group(0) @binding(11) var<storage, read> ends: array<u32>; // [end_count]
@group(0) @binding(12) var kept_results: texture_storage_2d<r32float, read_write>;

// include texels
// include cache_attention
// include row_statistics
// include logistic
// include rotation
// include gaussian
// include row_product
// include row_step
// include threefry
// include draw

@compute @workgroup_size(WORKGROUP)
fn generate(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) at: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let first = group.x * ROWS;
  let end = min(first + ROWS, params.rows);
  for (var row = first + at; row < end; row += WORKGROUP) {
    set_kept(row, position_of(row), 0u);
  }
  for (var step = 0u; step < params.steps && any_left(first, end); step++) {
    for (var i = 0u; i < params.count; i++) {
      var now = program[i];
      now.source = of_step(now.source, step);
      now.into = of_step(now.into, step);
      if (now.kind != ATTEND && now.second != NONE) {
        now.second = of_step(now.second, step);
      }
      perform(now, first, end, at, lane);
    }
    var row = row_after(first - 1u, end);
    loop {
      draw(row, lane, LOWEST);
      continuing {
        row = row_after(row, end);
        break if row >= end;
      }
    }
  }
}

// Where what lies there in the first step is in this one.
fn of_step(place: u32, step: u32) -> u32 {
  return place + select(0u, step * params.kept_vectors, is_kept(place));
}

fn any_left(first: u32, end: u32) -> bool {
  for (var row = first; row < end; row++) {
    if (state[row].done == 0u) {
      return true;
    }
  }
  return false;
}

fn position_of(row: u32) -> u32 {
  return state[row].length - 1u;
}

fn token_of(row: u32) -> u32 {
  return tokens[row * params.capacity + position_of(row)];
}

fn first_kept(row: u32) -> u32 {
  return kept_first(row);
}

fn is_kept(place: u32) -> bool {
  return place >= params.kept;
}

fn kept_number(i: u32) -> f32 {
  return textureLoad(kept_results, texel(i - 4u * params.kept)).x;
}

fn set_kept_number(i: u32, value: f32) {
  textureStore(kept_results, texel(i - 4u * params.kept), vec4<f32>(value));
}

fn kept_stride() -> u32 {
  return params.kept_vectors;
}

fn row_after(row: u32, end: u32) -> u32 {
  var next = row + 1u;
  while (next < end && state[next].done != 0u) {
    next++;
  }
  return next;
}

fn await_lanes() {}

fn note_token(row: u32, token: u32, column: u32) {
  set_kept(row, kept_first(row), kept_count(row) + 1u);
}

fn max_of_lanes(mine: f32, lane: u32) -> f32 {
  return subgroupMax(mine);
}

fn logit(i: u32) -> f32 {
  return element(params.first_logit, i);
}

fn logit_quad(i: u32) -> vec4<f32> {
  return vector(params.first_logit + i);
}
