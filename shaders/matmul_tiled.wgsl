// Matrix product in tiles of workgroup memory: the variants for real GPUs.
//
//   out[m, n] ← Σₖ A[m, k] · B[k, n]  (+ bias[n])  (+ residual[m, n])  (+ out[m, n])
//
//   tiled         a workgroup makes a tile of TILE × TILE, a thread 4 × 4 of it, from slices of A and B of
//                 depth 16 in workgroup memory. Numbers move four at a time, in the order in which they are
//                 stored, so a vec4 of a slice runs along k or across it; the threads' 4 × 4 blocks are
//                 turned in registers. Where several workgroups along z share out the k's, `out` gets the
//                 partial sum of each, [parts, M, N].
//   add_partials  adds those up, always in the same order: a sum over `inner` parts.

// include product

@group(0) @binding(8) var<storage, read> partials: array<f32>; // [parts, M, N]

const TILE: u32 = 64u;
const SIDE: u32 = TILE / 4u; // threads along each side of a tile
const DEPTH: u32 = 16u;
const QUADS: u32 = DEPTH / 4u;
const STRIDE: u32 = QUADS + 1u; // of a slice along k: an odd number of vec4s, so that its rows lie in different banks

var<workgroup> slice_a: array<vec4<f32>, TILE * STRIDE>; // along k [TILE, STRIDE], or across [DEPTH, SIDE]
var<workgroup> slice_b: array<vec4<f32>, TILE * STRIDE>;

@compute @workgroup_size(SIDE, SIDE)
fn tiled(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let first_row = group.y * TILE;
  let first_column = group.x * TILE;
  let slices = (params.inner + DEPTH - 1u) / DEPTH;
  let depth = (slices + groups.z - 1u) / groups.z * DEPTH; // of the part
  let end = min((group.z + 1u) * depth, params.inner);
  var sums: array<vec4<f32>, 4>;
  for (var k0 = group.z * depth; k0 < end; k0 += DEPTH) {
    for (var i = thread; i < TILE * QUADS; i += SIDE * SIDE) {
      if (TRANSPOSE_A) {
        slice_a[i] = quad_a(k0 + i / SIDE, first_row + i % SIDE * 4u, params.inner, params.rows);
      } else {
        slice_a[i / QUADS * STRIDE + i % QUADS] =
          quad_a(first_row + i / QUADS, k0 + i % QUADS * 4u, params.rows, params.inner);
      }
      if (TRANSPOSE_B) {
        slice_b[i / QUADS * STRIDE + i % QUADS] =
          quad_b(first_column + i / QUADS, k0 + i % QUADS * 4u, params.columns, params.inner);
      } else {
        slice_b[i] = quad_b(k0 + i / SIDE, first_column + i % SIDE * 4u, params.inner, params.columns);
      }
    }
    workgroupBarrier();
    for (var quad = 0u; quad * 4u < min(DEPTH, end - k0); quad++) {
      let rows = block_a(local.y, quad);
      let columns = block_b(local.x, quad);
      sums[0] = add_quad(sums[0], rows[0], columns);
      sums[1] = add_quad(sums[1], rows[1], columns);
      sums[2] = add_quad(sums[2], rows[2], columns);
      sums[3] = add_quad(sums[3], rows[3], columns);
    }
    workgroupBarrier();
  }
  // Loops whose ends are only known when the kernel runs are not unrolled, and sums that take turns stay in
  // registers: sixteen epilogues took seconds to compile.
  let row_step = select(SIDE, 1u, TRANSPOSE_A);
  let column_step = select(1u, SIDE, TRANSPOSE_B);
  let row0 = first_row + local.y * select(1u, 4u, TRANSPOSE_A);
  let column0 = first_column + local.x * select(4u, 1u, TRANSPOSE_B);
  let last_row = min(params.rows, row0 + 4u * row_step);
  let last_column = min(params.columns, column0 + 4u * column_step);
  for (var row = row0; row < last_row; row += row_step) {
    var sum = sums[0];
    for (var column = column0; column < last_column; column += column_step) {
      if (groups.z == 1u) {
        store(row, column, sum.x);
      } else {
        out[(group.z * params.rows + row) * params.columns + column] = sum.x;
      }
      sum = sum.yzwx;
    }
    sums = array<vec4<f32>, 4>(sums[1], sums[2], sums[3], sums[0]);
  }
}

// Adds what four k give a row.
fn add_quad(sum: vec4<f32>, row: vec4<f32>, columns: mat4x4<f32>) -> vec4<f32> {
  let first = fma(vec4<f32>(row.x), columns[0], sum);
  let second = fma(vec4<f32>(row.y), columns[1], first);
  let third = fma(vec4<f32>(row.z), columns[2], second);
  return fma(vec4<f32>(row.w), columns[3], third);
}

// Four rows of A: each the numbers of four k.
fn block_a(at: u32, quad: u32) -> mat4x4<f32> {
  if (TRANSPOSE_A) {
    let first = quad * 4u * SIDE + at;
    return transpose(mat4x4<f32>(
      slice_a[first],
      slice_a[first + SIDE],
      slice_a[first + 2u * SIDE],
      slice_a[first + 3u * SIDE],
    ));
  }
  let first = at * STRIDE + quad;
  return mat4x4<f32>(
    slice_a[first],
    slice_a[first + SIDE * STRIDE],
    slice_a[first + 2u * SIDE * STRIDE],
    slice_a[first + 3u * SIDE * STRIDE],
  );
}

// Four k of B: each the numbers of four columns.
fn block_b(at: u32, quad: u32) -> mat4x4<f32> {
  if (TRANSPOSE_B) {
    let first = at * STRIDE + quad;
    return transpose(mat4x4<f32>(
      slice_b[first],
      slice_b[first + SIDE * STRIDE],
      slice_b[first + 2u * SIDE * STRIDE],
      slice_b[first + 3u * SIDE * STRIDE],
    ));
  }
  let first = quad * 4u * SIDE + at;
  return mat4x4<f32>(
    slice_b[first],
    slice_b[first + SIDE],
    slice_b[first + 2u * SIDE],
    slice_b[first + 3u * SIDE],
  );
}

@compute @workgroup_size(64)
fn add_partials(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let i = id.x + id.y * groups.x * 64u;
  let size = params.rows * params.columns;
  if (i >= size) {
    return;
  }
  var sum = 0.0;
  for (var part = 0u; part < params.inner; part++) {
    sum += partials[part * size + i];
  }
  store(i / params.columns, i % params.columns, sum);
}
