// What a model does to each row alone, in one launch: a short program of lookups, normalisations, products,
// activations, rotations and, where each row is the next of its sequence, attention over the cache. For generating on
// adapters that compute on the CPU, where a launch costs as much as the arithmetic of many rows.
//
// A workgroup, a subgroup's worth of lanes, takes ROWS rows through all instructions. Its results lie in `work`, each
// [rows, columns], after where each row's kept keys begin (see row_kept.wgsl); an instruction's numbers are places there
// and in `weights`, in vec4s.
//
//   LOAD         into ← outside
//   EMBEDDING    into ← a row of a table (+ second), by its id outside or by its position, see embedding.wgsl
//   LAYER_NORM   into ← (source − μ) · r · weight + bias, see layernorm.wgsl
//   RMS_NORM     into ← source · r · weight, see rmsnorm.wgsl
//   PRODUCT      into ← source · W (+ bias) (+ second), or x · Φ(x) of that, see matmul_subgroup.wgsl
//   SWIGLU       into ← silu(source) · second, see swiglu.wgsl
//   ROTARY       into ← source, its heads turned to the rows' positions, see rotary.wgsl
//   COPY         into ← heads that lie in longer rows (source), see heads.wgsl
//   ATTEND       into ← attention of queries (source) over the cache and the rows' own keys and values (second,
//                values), which row_store.wgsl brings into it later: a launch cannot read the textures that it writes
//
// All sums have the order that those kernels have on such adapters, so all bits are theirs.
//
// Lanes read what others wrote, which takes a barrier. Mesa makes a coroutine of a kernel that has one and keeps in
// memory what would be in registers (1.8 times slower), but runs the lanes of a subgroup in step: there BARRIERS is
// off. Needs subgroups of at least 8 lanes, for ATTEND of 8, and that a workgroup is one.
enable subgroups;

struct Params {
  rows: u32,
  count: u32, // of instructions
}

// include row_instruction
// include row_kept

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

// include texels
// include cache_attention
// include row_statistics
// include logistic
// include rotation
// include gaussian
// include row_product
// include row_step

@compute @workgroup_size(WORKGROUP)
fn run(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) at: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let first = group.x * ROWS;
  let end = min(first + ROWS, params.rows);
  for (var row = first + at; row < end; row += WORKGROUP) {
    set_kept(row, positions[row], 1u);
  }
  for (var i = 0u; i < params.count; i++) {
    let now = program[i];
    if (now.kind == LOAD) {
      let vectors = now.columns / 4u;
      for (var j = first * vectors + at; j < end * vectors; j += WORKGROUP) {
        set_vector(now.into + j, bitcast<vec4<f32>>(outside[j]));
      }
    } else {
      perform(now, first, end, at, lane);
    }
    if (BARRIERS) {
      storageBarrier();
    }
  }
}

fn position_of(row: u32) -> u32 {
  return positions[row];
}

fn token_of(row: u32) -> u32 {
  return outside[row / 4u][row % 4u];
}

// Of the row itself alone.
fn first_kept(row: u32) -> u32 {
  return positions[row];
}

// What is kept is kept in `work`.
fn is_kept(place: u32) -> bool {
  return false;
}

fn kept_number(i: u32) -> f32 {
  return work[i];
}

fn set_kept_number(i: u32, value: f32) {
  work[i] = value;
}

fn kept_stride() -> u32 {
  return 0u;
}

fn row_after(row: u32, end: u32) -> u32 {
  return row + 1u;
}
