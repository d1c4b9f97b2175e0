// Rows of a table by token id, and their gradient. One thread a row and column. A table too large for one
// binding goes block by block: a launch sees the rows first … first + block − 1 and passes over other ids.
//
//   lookup     out[n, c] = table[min(tokens[n], V − 1), c]  (+ residual[n, c])
//   add_rows   table_gradient[id_u, c] ← table_gradient[id_u, c] + Σ upstream[n, c] over the n with tokens[n] = id_u
//
// add_rows goes by an inverted index: the rows of the u-th distinct token are
// order[starts[u]] … order[starts[u + 1] − 1]. Each entry of the table has one thread that adds in a
// fixed order, so the sum needs no atomics and is deterministic.

struct Params {
  rows: u32, // the number of distinct tokens U
  columns: u32, // C
  first: u32,
  block: u32, // rows of the table that are bound
}

struct LookupParams {
  rows: u32, // N
  vocabulary: u32, // V
  first: u32,
  block: u32, // rows of the table that are bound
  with_residual: u32,
}

alias stored = f32; // a table: f16 where it is stored so

override WORKGROUP: u32 = 64;
override COLUMNS: u32 = 1; // C of lookup; compiled in, it costs software adapters no division

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> table: array<stored>; // [block, C]
@group(0) @binding(2) var<storage, read> tokens: array<u32>; // [N]
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [N, C]
@group(0) @binding(4) var<storage, read> ids: array<u32>; // [U], distinct
@group(0) @binding(5) var<storage, read> starts: array<u32>; // [U + 1]
@group(0) @binding(6) var<storage, read> order: array<u32>; // [N]
@group(0) @binding(7) var<storage, read> upstream: array<f32>; // [N, C]
@group(0) @binding(8) var<storage, read_write> table_gradient: array<f32>; // [block, C]
@group(0) @binding(9) var<uniform> lookup_params: LookupParams;
@group(0) @binding(10) var<storage, read> residual: array<f32>; // [N, C]

@compute @workgroup_size(WORKGROUP)
fn lookup(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  let row = i / COLUMNS;
  if (row >= lookup_params.rows) {
    return;
  }
  // An id before the first row becomes a very large number.
  let at = min(tokens[row], lookup_params.vocabulary - 1u) - lookup_params.first;
  if (at >= lookup_params.block) {
    return;
  }
  var value = f32(table[at * COLUMNS + i % COLUMNS]);
  if (lookup_params.with_residual == 1u) {
    value += residual[i];
  }
  out[i] = value;
}

@compute @workgroup_size(WORKGROUP)
fn add_rows(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  let unique = i / params.columns;
  if (unique >= params.rows) {
    return;
  }
  let at = ids[unique] - params.first;
  if (at >= params.block) {
    return; // an id beyond the vocabulary; clamped, it would share the last row with another thread
  }
  let column = i % params.columns;
  var sum = 0.0;
  for (var k = starts[unique]; k < starts[unique + 1u]; k++) {
    sum += upstream[order[k] * params.columns + column];
  }
  table_gradient[at * params.columns + column] += sum;
}
