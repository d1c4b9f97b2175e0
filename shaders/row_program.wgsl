// What a model does to each row alone, in one launch: a short program of lookups, normalisations, products,
// activations, rotations and, where each row is the next of its sequence, attention over the cache. For generating on
// adapters that compute on the CPU, where a launch costs as much as the arithmetic of many rows.
//
// A workgroup, a subgroup's worth of lanes, takes ROWS rows through all instructions. Its results lie in `work`, each
// [rows, columns]; an instruction's numbers are places there and in `weights`, in vec4s.
//
//   LOAD         into ← outside
//   EMBEDDING    into ← a row of a table (+ second), by its id outside or by its position, see embedding.wgsl
//   LAYER_NORM   into ← (source − μ) · r · weight + bias, see layernorm.wgsl
//   RMS_NORM     into ← source · r · weight, see rmsnorm.wgsl
//   PRODUCT      into ← source · W (+ bias) (+ second), or x · Φ(x) of that, see matmul_subgroup.wgsl
//   SWIGLU       into ← silu(source) · second, see swiglu.wgsl
//   ROTARY       into ← source, its heads turned to the rows' positions, see rotary.wgsl
//   COPY         into ← heads that lie in longer rows (source), see heads.wgsl
//   STORE        the cache ← keys (source) and values (second) at the rows' positions, see attention_texture.wgsl
//   ATTEND       into ← attention of queries (source) over the cache and the rows' own keys and values (second,
//                values), which are in the cache only later: a launch cannot read the textures that it writes
//
// All sums have the order that those kernels have on such adapters, so all bits are theirs.
//
// Lanes read what others wrote, which takes a barrier. Mesa makes a coroutine of a kernel that has one and keeps in
// memory what would be in registers (1.8 times slower), but runs the lanes of a subgroup in step: there BARRIERS is
// off. Needs subgroups of at least 8 lanes, for ATTEND of 8, and that a workgroup is one.
enable subgroups;

const LOAD: u32 = 0u;
const EMBEDDING: u32 = 1u;
const LAYER_NORM: u32 = 2u;
const RMS_NORM: u32 = 3u;
const PRODUCT: u32 = 4u;
const SWIGLU: u32 = 5u;
const ROTARY: u32 = 6u;
const ATTEND: u32 = 7u;

const TURNED: u32 = 4u;

struct Params {
  rows: u32,
  count: u32, // of instructions
}

// include row_instruction

override WORKGROUP: u32 = 8;
override BARRIERS: bool = true; // lanes read what other lanes wrote

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> program: array<Instruction>;
@group(0) @binding(2) var weights: texture_storage_2d<rgba32float, read>; // which costs less to load from than a buffer
@group(0) @binding(3) var<storage, read> outside: array<vec4<u32>>; // [rows, columns], or the ids of rows
@group(0) @binding(4) var<storage, read> positions: array<u32>; // [rows]
@group(0) @binding(5) var<storage, read> frequencies: array<u32>; // of pairs, in 2⁻³² turns a position
@group(0) @binding(6) var<storage, read> sequences: array<u32>; // [rows]
@group(0) @binding(7) var<storage, read_write> work: array<f32>;
@group(0) @binding(8) var cached_k: texture_storage_2d<rgba32float, read>; // layers of [B, Hk/G, T, G, D]
@group(0) @binding(9) var cached_v: texture_storage_2d<rgba32float, read>; // layers of [B, Hk/G, T, G, D]
@group(0) @binding(10) var cache_k: texture_storage_2d<rgba32float, write>; // cached_k, after it was read
@group(0) @binding(11) var cache_v: texture_storage_2d<rgba32float, write>; // cached_v, likewise

@compute @workgroup_size(WORKGROUP)
fn run(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let first = group.x * ROWS;
  let end = min(first + ROWS, params.rows);
  for (var i = 0u; i < params.count; i++) {
    let now = program[i];
    if (now.kind == PRODUCT) {
      for (var tile = 0u; tile < now.columns / 4u; tile += WIDE * WORKGROUP) {
        multiply(now, first, tile + local.x, lane);
      }
    } else if (now.kind == LAYER_NORM || now.kind == RMS_NORM) {
      for (var row = first + local.x; row < end; row += WORKGROUP) {
        normalise(now, row);
      }
    } else if (now.kind == ROTARY) {
      for (var j = first * now.inner + local.x; j < end * now.inner; j += WORKGROUP) {
        turn(now, j / now.inner, j % now.inner);
      }
    } else if (now.kind == ATTEND) {
      let groups = now.columns / (4u * HEAD_VECTORS * SHARED * TOGETHER);
      for (var j = first * groups; j < end * groups; j++) {
        attend(now, j / groups, j % groups, lane);
      }
    } else {
      let vectors = now.columns / 4u;
      for (var j = first * vectors + local.x; j < end * vectors; j += WORKGROUP) {
        if (now.kind == LOAD) {
          set_vector(now.into + j, bitcast<vec4<f32>>(outside[j]));
        } else if (now.kind == EMBEDDING) {
          look_up(now, j / vectors, j % vectors, j);
        } else if (now.kind == SWIGLU) {
          set_vector(now.into + j, gated(vector(now.source + j), vector(now.second + j)));
        } else {
          set_vector(now.into + j, vector(now.source + in_heads(now, j / vectors, j % vectors)));
        }
      }
    }
    if (BARRIERS) {
      storageBarrier();
    }
  }
}

// Programs of STORE alone.
@compute @workgroup_size(WORKGROUP)
fn store(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
) {
  let first = group.x * ROWS;
  let end = min(first + ROWS, params.rows);
  for (var i = 0u; i < params.count; i++) {
    let now = program[i];
    let vectors = now.columns / 4u;
    for (var j = first * vectors + local.x; j < end * vectors; j += WORKGROUP) {
      keep(now, j / vectors, j % vectors, positions[j / vectors]);
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

// Vec4 i of `weights`.
fn weight_vector(i: u32) -> vec4<f32> {
  return textureLoad(weights, texel(i));
}

fn look_up(now: Instruction, row: u32, column: u32, at: u32) {
  let id = select(outside[row / 4u][row % 4u], positions[row], now.form == 1u);
  var value = weight_vector(now.weight + min(id, now.inner - 1u) * (now.columns / 4u) + column);
  if (now.second != NONE) {
    value += vector(now.second + at);
  }
  set_vector(now.into + at, value);
}

// include texels

// include row_keep

// include cache_attention

var<private> attended: Instruction;
var<private> queries: u32; // the vec4 at which the heads of the row begin
var<private> first_head: u32; // of those attended to at once; those of the next key head begin `heads_of_key` later
var<private> heads_of_key: u32;
var<private> keys: u32; // the texel at which their keys, and values, begin
var<private> results: u32;

// Of a row's heads SHARED of each of TOGETHER key heads.
fn attend(now: Instruction, row: u32, group: u32, lane: u32) {
  let heads = now.columns / (4u * HEAD_VECTORS);
  heads_of_key = heads / now.key_heads;
  let key_group = group / (heads_of_key / SHARED);
  first_head = key_group * TOGETHER * heads_of_key + group % (heads_of_key / SHARED) * SHARED;
  for (var g = 0u; g < TOGETHER; g++) {
    let own = row * now.key_row + (key_group * TOGETHER + g) * now.key_head;
    let first = own + min(lane, HEAD_VECTORS - 1u);
    let key = vector(now.second + first);
    let value = vector(now.values + first);
    own_key[g * OF_LANE] = held(key, 0u);
    own_value[g * OF_LANE] = held(value, 0u);
    for (var o = 1u; o < OF_LANE; o++) {
      if (OF_KEY == 1u) {
        own_key[g * OF_LANE + o] = held(key, o);
        own_value[g * OF_LANE + o] = held(value, o);
      } else {
        own_key[g * OF_LANE + o] = vector(now.second + own + vector_of(o, lane));
        own_value[g * OF_LANE + o] = vector(now.values + own + vector_of(o, lane));
      }
    }
  }
  let position = positions[row];
  attended = now;
  queries = now.source + row * now.weight;
  let groups = sequences[row] * (now.key_heads / TOGETHER) + key_group;
  keys = now.cached + groups * now.form * TOGETHER * HEAD_VECTORS;
  results = now.into + row * heads * HEAD_VECTORS;
  attend_to(min(position, now.form), lane);
  if (position < now.form) {
    attend_to_own(position, lane);
  }
  put_heads(lane);
}

fn query_vector(g: u32, h: u32, i: u32) -> vec4<f32> {
  let head = first_head + g * heads_of_key + h;
  return attended.epsilon * vector(queries + head * attended.bias + i);
}

fn key_vector(j: u32, g: u32, o: u32, lane: u32) -> vec4<f32> {
  let at = keys + (j * TOGETHER + g) * HEAD_VECTORS + vector_of(o, lane);
  return textureLoad(cached_k, texel(at));
}

fn value_vector(j: u32, g: u32, o: u32, lane: u32) -> vec4<f32> {
  let at = keys + (j * TOGETHER + g) * HEAD_VECTORS + vector_of(o, lane);
  return textureLoad(cached_v, texel(at));
}

fn put(g: u32, h: u32, i: u32, value: vec4<f32>) {
  let head = first_head + g * heads_of_key + h;
  set_vector(results + head * HEAD_VECTORS + i, value);
}

// include row_statistics

fn vector_of_row(i: u32) -> vec4<f32> {
  return vector(i);
}

fn normalise(now: Instruction, row: u32) {
  let vectors = now.columns / 4u;
  let start = now.source + row * vectors;
  let into = now.into + row * vectors;
  if (now.kind == RMS_NORM) {
    let inverse = inverse_rms(start, now.columns, now.epsilon);
    for (var i = 0u; i < vectors; i++) {
      set_vector(into + i, vector(start + i) * inverse * weight_vector(now.weight + i));
    }
    return;
  }
  let found = layer_norm_statistics(start, now.columns, now.epsilon);
  for (var i = 0u; i < vectors; i++) {
    let normal = (vector(start + i) - found.x) * found.y;
    set_vector(into + i, normal * weight_vector(now.weight + i) + weight_vector(now.bias + i));
  }
}

// include logistic

fn gated(gate: vec4<f32>, up: vec4<f32>) -> vec4<f32> {
  return vec4<f32>(
    gate.x * sigmoids(gate.x).x * up.x,
    gate.y * sigmoids(gate.y).x * up.y,
    gate.z * sigmoids(gate.z).x * up.z,
    gate.w * sigmoids(gate.w).x * up.w,
  );
}

// include rotation

// Dimension `lane` of each head of a row, with the one that it is paired with.
fn turn(now: Instruction, row: u32, lane: u32) {
  let pairs = now.form;
  let start = row * now.columns;
  if (lane >= 2u * pairs) {
    for (var at = start + lane; at < start + now.columns; at += now.inner) {
      set_element(now.into, at, element(now.source, at));
    }
  } else if (lane < pairs) {
    let angle = cosine_and_sine(positions[row] * frequencies[lane]);
    for (var at = start + lane; at < start + now.columns; at += now.inner) {
      let one = element(now.source, at);
      let other = element(now.source, at + pairs);
      set_element(now.into, at, one * angle.x - other * angle.y);
      set_element(now.into, at + pairs, other * angle.x + one * angle.y);
    }
  }
}

fn element(start: u32, at: u32) -> f32 {
  return work[4u * start + at];
}

fn set_element(start: u32, at: u32, value: f32) {
  work[4u * start + at] = value;
}

// include row_product

// include gaussian

fn finish(now: Instruction, row: u32, column: u32, sum: vec4<f32>, bias: vec4<f32>) {
  let at = row * (now.columns / 4u) + column;
  var value = sum;
  if (now.bias != NONE) {
    value += bias;
  }
  if (now.second != NONE) {
    value += vector(now.second + at);
  }
  let form = now.form % TURNED;
  if (form > 0u) {
    value = gelu_of_four(value, form == 2u);
  }
  set_vector(now.into + at, value);
}
