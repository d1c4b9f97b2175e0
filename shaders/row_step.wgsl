// What the instructions of a row program do, brought into shaders by their line `// include row_step`. They have bound
// params.rows, program, weights, frequencies, sequences, work, cached_k and cached_v as row_program.wgsl has, include
// what it includes, and tell where a row stands, by functions position_of(row), token_of(row), first_kept(row), the
// place from which on its keys are not in the cache yet but where they were made, each kept_stride() vec4s after the one
// before, and row_after(row, end), the next one that goes on. Results that are kept from step to step, is_kept(place),
// they may have elsewhere, for kept_number(i) to read and set_kept_number(i, value) to write.
//
// Mesa leaves a loop at the end of its text alone: one that asks before each turn whether to make it makes one more, for
// no lane. So loops ask at the end.

const LOAD: u32 = 0u;
const EMBEDDING: u32 = 1u;
const LAYER_NORM: u32 = 2u;
const RMS_NORM: u32 = 3u;
const PRODUCT: u32 = 4u;
const SWIGLU: u32 = 5u;
const ROTARY: u32 = 6u;
const ATTEND: u32 = 7u;

const WORKGROUP: u32 = 8u; // lanes

// An instruction, but LOAD, for rows first … end − 1, of which there are at most ROWS.
fn perform(now: Instruction, first: u32, end: u32, at: u32, lane: u32) {
  if (now.kind == PRODUCT) {
    var tile = 0u;
    loop {
      multiply(now, first, tile, at, lane);
      continuing {
        tile += WIDE * WORKGROUP;
        break if tile >= now.columns / 4u;
      }
    }
  } else if (now.kind == LAYER_NORM || now.kind == RMS_NORM) {
    var row = first + at;
    loop {
      if (row < end) {
        normalise(now, row);
      }
      continuing {
        row += WORKGROUP;
        break if row >= end + at;
      }
    }
  } else if (now.kind == ROTARY) {
    for (var j = first * now.inner + at; j < end * now.inner; j += WORKGROUP) {
      turn(now, j / now.inner, j % now.inner);
    }
  } else if (now.kind == ATTEND) {
    let groups = now.columns / (4u * HEAD_VECTORS * SHARED * TOGETHER);
    var row = row_after(first - 1u, end);
    loop {
      var group = 0u;
      loop {
        attend(now, row, group, lane);
        continuing {
          group++;
          break if group >= groups;
        }
      }
      continuing {
        row = row_after(row, end);
        break if row >= end;
      }
    }
  } else {
    let vectors = now.columns / 4u;
    for (var j = first * vectors + at; j < end * vectors; j += WORKGROUP) {
      let row = j / vectors;
      let column = j % vectors;
      if (now.kind == EMBEDDING) {
        look_up(now, row, column, j);
      } else if (now.kind == SWIGLU) {
        set_vector(now.into + j, gated(vector(now.source + j), vector(now.second + j)));
      } else {
        set_result(now.into, j, result(now.source, in_heads(now, row, column)));
      }
    }
  }
}

// Vec4 i of `work`, which is not one of vec4s: then the kernel would load four numbers to get one.
fn vector(i: u32) -> vec4<f32> {
  return vec4<f32>(work[4u * i], work[4u * i + 1u], work[4u * i + 2u], work[4u * i + 3u]);
}

fn set_vector(i: u32, value: vec4<f32>) {
  work[4u * i] = value.x;
  work[4u * i + 1u] = value.y;
  work[4u * i + 2u] = value.z;
  work[4u * i + 3u] = value.w;
}

// Vec4 i of the result that begins at `start`.
fn result(start: u32, i: u32) -> vec4<f32> {
  if (is_kept(start)) {
    return kept_vector(start + i);
  }
  return vector(start + i);
}

fn set_result(start: u32, i: u32, value: vec4<f32>) {
  if (is_kept(start)) {
    set_kept_vector(start + i, value);
  } else {
    set_vector(start + i, value);
  }
}

fn kept_vector(i: u32) -> vec4<f32> {
  let at = 4u * i;
  return vec4<f32>(
    kept_number(at),
    kept_number(at + 1u),
    kept_number(at + 2u),
    kept_number(at + 3u),
  );
}

fn set_kept_vector(i: u32, value: vec4<f32>) {
  set_kept_number(4u * i, value.x);
  set_kept_number(4u * i + 1u, value.y);
  set_kept_number(4u * i + 2u, value.z);
  set_kept_number(4u * i + 3u, value.w);
}

// Vec4 i of `weights`.
fn weight_vector(i: u32) -> vec4<f32> {
  return textureLoad(weights, texel(i));
}

fn look_up(now: Instruction, row: u32, column: u32, at: u32) {
  let id = select(token_of(row), position_of(row), now.form == 1u);
  var value = weight_vector(now.weight + min(id, now.inner - 1u) * (now.columns / 4u) + column);
  if (now.second != NONE) {
    value += vector(now.second + at);
  }
  set_vector(now.into + at, value);
}

var<private> attended: Instruction;
var<private> queries: u32; // the vec4 at which the heads of the row begin
var<private> first_head: u32; // of those attended to at once; those of the next key head begin `heads_of_key` later
var<private> heads_of_key: u32;
var<private> keys: u32; // the texel at which their keys, and values, begin
var<private> kept_from: u32; // the first key that is kept, and not in the cache
var<private> kept: u32; // where those begin, from where all rows' do
var<private> results: u32;

// Of a row's heads SHARED of each of TOGETHER key heads.
fn attend(now: Instruction, row: u32, group: u32, lane: u32) {
  let heads = now.columns / (4u * HEAD_VECTORS);
  heads_of_key = heads / now.key_heads;
  let key_group = group / (heads_of_key / SHARED);
  first_head = key_group * TOGETHER * heads_of_key + group % (heads_of_key / SHARED) * SHARED;
  attended = now;
  queries = now.source + row * now.weight;
  let groups = sequences[row] * (now.key_heads / TOGETHER) + key_group;
  keys = now.cached + groups * now.form * TOGETHER * HEAD_VECTORS;
  results = now.into + row * heads * HEAD_VECTORS;
  let in_cache = min(first_kept(row), now.form);
  kept_from = in_cache;
  kept = row * now.key_row + key_group * TOGETHER * now.key_head;
  begin_row(lane);
  attend_to(0u, in_cache, false, lane);
  attend_to(in_cache, min(position_of(row) + 1u, now.form), true, lane);
  put_heads(lane);
}

fn query_vector(g: u32, h: u32, i: u32) -> vec4<f32> {
  let head = first_head + g * heads_of_key + h;
  return attended.epsilon * kept_vector(queries + head * attended.bias + i);
}

fn key_vector(j: u32, g: u32, o: u32, is_kept: bool, lane: u32) -> vec4<f32> {
  if (is_kept) {
    return kept_vector(attended.second + kept_place(j, g, o, lane));
  }
  return textureLoad(cached_k, texel(cached_place(j, g, o, lane)));
}

fn value_vector(j: u32, g: u32, o: u32, is_kept: bool, lane: u32) -> vec4<f32> {
  if (is_kept) {
    return kept_vector(attended.values + kept_place(j, g, o, lane));
  }
  return textureLoad(cached_v, texel(cached_place(j, g, o, lane)));
}

fn cached_place(j: u32, g: u32, o: u32, lane: u32) -> u32 {
  return keys + (j * TOGETHER + g) * HEAD_VECTORS + vector_of(o, lane);
}

fn kept_place(j: u32, g: u32, o: u32, lane: u32) -> u32 {
  return kept + (j - kept_from) * kept_stride() + g * attended.key_head + vector_of(o, lane);
}

fn put(g: u32, h: u32, i: u32, value: vec4<f32>) {
  let head = first_head + g * heads_of_key + h;
  set_vector(results + head * HEAD_VECTORS + i, value);
}

fn vector_of_row(i: u32) -> vec4<f32> {
  return vector(i);
}

fn normalise(now: Instruction, row: u32) {
  let vectors = now.columns / 4u;
  let start = now.source + row * vectors;
  let into = now.into + row * vectors;
  if (now.kind == RMS_NORM) {
    let inverse = inverse_rms(start, now.columns, now.epsilon);
    var i = 0u;
    loop {
      set_vector(into + i, vector(start + i) * inverse * weight_vector(now.weight + i));
      continuing {
        i++;
        break if i >= vectors;
      }
    }
    return;
  }
  let found = layer_norm_statistics(start, now.columns, now.epsilon);
  var i = 0u;
  loop {
    let normal = (vector(start + i) - found.x) * found.y;
    set_vector(into + i, normal * weight_vector(now.weight + i) + weight_vector(now.bias + i));
    continuing {
      i++;
      break if i >= vectors;
    }
  }
}

fn gated(gate: vec4<f32>, up: vec4<f32>) -> vec4<f32> {
  return vec4<f32>(
    gate.x * sigmoids(gate.x).x * up.x,
    gate.y * sigmoids(gate.y).x * up.y,
    gate.z * sigmoids(gate.z).x * up.z,
    gate.w * sigmoids(gate.w).x * up.w,
  );
}

// Dimension `lane` of each head of a row, with the one that it is paired with.
fn turn(now: Instruction, row: u32, lane: u32) {
  let pairs = now.form;
  let start = row * now.columns;
  if (lane >= 2u * pairs) {
    for (var at = start + lane; at < start + now.columns; at += now.inner) {
      set_element(now.into, at, element(now.source, at));
    }
  } else if (lane < pairs) {
    let angle = cosine_and_sine(position_of(row) * frequencies[lane]);
    for (var at = start + lane; at < start + now.columns; at += now.inner) {
      let one = element(now.source, at);
      let other = element(now.source, at + pairs);
      set_element(now.into, at, one * angle.x - other * angle.y);
      set_element(now.into, at + pairs, other * angle.x + one * angle.y);
    }
  }
}

fn element(start: u32, at: u32) -> f32 {
  if (is_kept(start)) {
    return kept_number(4u * start + at);
  }
  return work[4u * start + at];
}

fn set_element(start: u32, at: u32, value: f32) {
  if (is_kept(start)) {
    set_kept_number(4u * start + at, value);
  } else {
    work[4u * start + at] = value;
  }
}

fn finish(now: Instruction, row: u32, column: u32, sum: vec4<f32>, bias: vec4<f32>) {
  let at = row * (now.columns / 4u) + column;
  var value = sum;
  if (now.bias != NONE) {
    value += bias;
  }
  if (now.second != NONE) {
    value += vector(now.second + at);
  }
  if (now.form > 0u) {
    value = gelu_of_four(value, now.form == 2u);
  }
  set_result(now.into, at, value);
}
