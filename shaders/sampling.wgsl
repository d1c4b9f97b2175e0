// Draws the next token of each unfinished row.
//
//   sample             draws from softmax(logits[b] / temperature)
//   sample_truncated   the same over the ids whose logit is at least threshold[b], see truncation.wgsl

struct Params {
  rows: u32,
  vocabulary: u32,
  temperature: f32,
  seed: u32,
  purpose: u32,
  capacity: u32, // columns of tokens
  end_count: u32,
  next_stride: u32, // columns of next
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>; // [rows, vocabulary]
@group(0) @binding(2) var<storage, read_write> threshold: array<f32>; // [rows], read by sample_truncated
@group(0) @binding(3) var<storage, read_write> tokens: array<u32>; // [rows, capacity]
@group(0) @binding(4) var<storage, read_write> log_probs: array<f32>; // [rows, capacity]
@group(0) @binding(5) var<storage, read_write> state: array<State>; // [rows, 4]
@group(0) @binding(6) var<storage, read> ends: array<u32>; // [end_count]
@group(0) @binding(7) var<storage, read> logit_quads: array<vec4<f32>>; // logits, where QUADS
@group(0) @binding(8) var<storage, read_write> next: array<u32>; // [2, next_stride]: tokens, positions

const WORKGROUP: u32 = 64u; // lanes; a multiple of 8

alias Value = f32; // of a lane
// include reductions
// include threefry
// include draw

fn await_lanes() {
  workgroupBarrier();
  storageBarrier();
}

// The next decoding step takes it from here, without a read-back.
fn note_token(row: u32, token: u32, column: u32) {
  next[row] = token;
  next[params.next_stride + row] = column;
}

fn logit(i: u32) -> f32 {
  return logits[i];
}

fn logit_quad(i: u32) -> vec4<f32> {
  return logit_quads[i];
}

@compute @workgroup_size(WORKGROUP)
fn sample(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let row = group.x + group.y * groups.x;
  if (row < params.rows) {
    draw(row, lane, LOWEST);
  }
}

@compute @workgroup_size(WORKGROUP)
fn sample_truncated(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let row = group.x + group.y * groups.x;
  if (row < params.rows) {
    draw(row, lane, threshold[row]);
  }
}
