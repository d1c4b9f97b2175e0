// Parts of a matrix, and the way back. Rows by index, each way the gradient of the other, one thread an
// element of the matrix of G rows; and a range of columns, one thread an element of the narrow matrix.
//
//   gather_rows    out[g, c] = x[indices[g], c]
//   scatter_rows   out[indices[g], c] = x[g, c]      (indices distinct; the other rows are left alone)
//
//   take_columns   narrow_out[n, c] = wide[n, first + c]
//   place_columns  wide_out[n, first + c] = narrow[n, c]   (the other columns are left alone)
//
// An index of N or more gathers zeros and scatters nothing, so the two stay each other's gradient.

struct Params {
  count: u32, // G
  columns: u32, // C
  rows: u32, // N
}

struct ColumnParams {
  rows: u32,
  columns: u32, // of the narrow matrix
  wide_columns: u32,
  first: u32, // column of the wide matrix where the narrow one lies
}

override WORKGROUP: u32 = 64;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>; // gather_rows: [N, C]; scatter_rows: [G, C]
@group(0) @binding(2) var<storage, read> indices: array<u32>; // [G]
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // gather_rows: [G, C]; scatter_rows: [N, C]
@group(0) @binding(4) var<uniform> column_params: ColumnParams;
@group(0) @binding(5) var<storage, read> narrow: array<f32>; // [rows, columns]
@group(0) @binding(6) var<storage, read_write> narrow_out: array<f32>; // the same, to write
@group(0) @binding(7) var<storage, read> wide: array<f32>; // [rows, wide_columns]
@group(0) @binding(8) var<storage, read_write> wide_out: array<f32>; // the same, to write

@compute @workgroup_size(WORKGROUP)
fn gather_rows(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  let g = i / params.columns;
  if (g < params.count) {
    var value = 0.0;
    if (indices[g] < params.rows) {
      value = x[indices[g] * params.columns + i % params.columns];
    }
    out[i] = value;
  }
}

@compute @workgroup_size(WORKGROUP)
fn scatter_rows(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  let g = i / params.columns;
  if (g < params.count && indices[g] < params.rows) {
    out[indices[g] * params.columns + i % params.columns] = x[i];
  }
}

@compute @workgroup_size(WORKGROUP)
fn take_columns(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  let row = i / column_params.columns;
  if (row < column_params.rows) {
    let place = row * column_params.wide_columns + column_params.first + i % column_params.columns;
    narrow_out[i] = wide[place];
  }
}

@compute @workgroup_size(WORKGROUP)
fn place_columns(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  let row = i / column_params.columns;
  if (row < column_params.rows) {
    let place = row * column_params.wide_columns + column_params.first + i % column_params.columns;
    wide_out[place] = narrow[i];
  }
}
