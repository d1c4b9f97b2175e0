// What ends a decoding step that a row program did, in one launch: sampling.wgsl's draw from the logits that it made, and
// its instructions of STORE, for a row that stands where the last token of `state` does. A workgroup is a subgroup, and
// takes no barriers where row_program.wgsl takes none.
enable subgroups;

struct Params {
  rows: u32,
  vocabulary: u32, // a multiple of 4
  temperature: f32,
  seed: u32,
  purpose: u32,
  capacity: u32, // columns of tokens
  end_count: u32,
  next_stride: u32, // columns of next
  first_logit: u32, // the vec4 of `work` at which [rows, vocabulary] logits begin
  count: u32, // of instructions
}

// include row_instruction

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> work: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> program: array<Instruction>;
@group(0) @binding(3) var<storage, read> sequences: array<u32>; // [rows]
@group(0) @binding(4) var<storage, read_write> tokens: array<u32>; // [rows, capacity]
@group(0) @binding(5) var<storage, read_write> log_probs: array<f32>; // [rows, capacity]
@group(0) @binding(6) var<storage, read_write> state: array<State>; // [rows, 4]
@group(0) @binding(7) var<storage, read> ends: array<u32>; // [end_count]
@group(0) @binding(8) var<storage, read_write> next: array<u32>; // [2, next_stride]: tokens, positions
@group(0) @binding(9) var cache_k: texture_storage_2d<rgba32float, write>; // layers of [B, Hk/G, T, G, D]
@group(0) @binding(10) var cache_v: texture_storage_2d<rgba32float, write>; // likewise

// include threefry
// include draw
// include texels
// include row_keep

fn max_of_lanes(mine: f32, lane: u32) -> f32 {
  return subgroupMax(mine);
}

fn logit(i: u32) -> f32 {
  return logit_quad(i / 4u)[i % 4u];
}

fn logit_quad(i: u32) -> vec4<f32> {
  return work[params.first_logit + i];
}

fn vector(i: u32) -> vec4<f32> {
  return work[i];
}

@compute @workgroup_size(WORKGROUP)
fn sample_and_store(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.rows) {
    return;
  }
  let position = state[row].length - 1u; // before the draw
  for (var i = 0u; i < params.count; i++) {
    let now = program[i];
    for (var column = lane; column < now.columns / 4u; column += WORKGROUP) {
      keep(now, row, column, position);
    }
  }
  draw(row, lane, LOWEST);
}
