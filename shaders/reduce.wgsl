// Sums over the rows of a matrix, in two stages and in a fixed order, so that they are deterministic
// without atomics: partial sums over chunks of rows, then the sum over the chunks.
//
//   chunk_sums    partials[k, c] = Σ x[n, c] over the rows n of chunk k
//   add_columns   total[c] ← total[c] + Σ_n x[n, c]
//
// Consecutive threads hold consecutive columns, so each row is read in one sweep.

struct Params {
  rows: u32,
  columns: u32,
  chunk_rows: u32, // rows in a chunk; the last chunk may be shorter
}

struct AddParams {
  rows: u32,
  columns: u32,
}

override WORKGROUP: u32 = 64;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // [rows, columns]
@group(0) @binding(2) var<storage, read_write> partials: array<f32>; // [⌈rows / chunk_rows⌉, columns]
@group(0) @binding(3) var<storage, read_write> total: array<f32>; // [columns]
@group(0) @binding(4) var<uniform> add_params: AddParams;

@compute @workgroup_size(WORKGROUP)
fn chunk_sums(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  let first = (i / params.columns) * params.chunk_rows;
  if (first >= params.rows) {
    return;
  }
  let column = i % params.columns;
  let end = min(first + params.chunk_rows, params.rows);
  var sum = 0.0;
  for (var row = first; row < end; row++) {
    sum += x[row * params.columns + column];
  }
  partials[i] = sum;
}

@compute @workgroup_size(WORKGROUP)
fn add_columns(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let column = id.x + id.y * groups.x * WORKGROUP;
  if (column >= add_params.columns) {
    return;
  }
  var sum = 0.0;
  for (var row = 0u; row < add_params.rows; row++) {
    sum += x[row * add_params.columns + column];
  }
  total[column] += sum;
}
