// Matrix product in tiles of workgroup memory: the variants for real GPUs.
//
//   out[m, n] ← Σₖ A[m, k] · B[k, n]  (+ bias[n])  (+ residual[m, n])  (+ out[m, n])
//
//   tiled         a workgroup makes a tile of TILE × TILE, a thread 4 × 4 of it, from slices of A and B of
//                 depth 16 in workgroup memory. Numbers move four at a time, in the order in which they are
//                 stored, so a vec4 of a slice runs along k or across it; the threads' 4 × 4 blocks are
//                 turned in registers. With several workgroups along z each sums `depth` of the k's, and
//                 `out` gets their partial sums [⌈K / depth⌉, M, N].
//   add_partials  adds those up, always in the same order.

alias stored = f32; // B: f16 where a weight is stored so

struct Params {
  rows: u32, // M
  columns: u32, // N
  inner: u32, // K
  depth: u32, // k's that a workgroup sums: K, or a multiple of DEPTH
  with_bias: u32, // 1: the epilogue adds it
  with_residual: u32,
  with_accumulate: u32, // 1: adds to what `out` holds
}

override TRANSPOSE_A: bool = false; // A is stored [K, M]
override TRANSPOSE_B: bool = false; // B is stored [N, K]
override VECTORS_A: bool = false; // a row of A as it is stored is whole vec4s
override VECTORS_B: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>; // [M, K], or [K, M]
@group(0) @binding(2) var<storage, read> b: array<stored>; // [K, N], or [N, K]
@group(0) @binding(3) var<storage, read> bias: array<f32>; // [N]
@group(0) @binding(4) var<storage, read> residual: array<f32>; // [M, N]
@group(0) @binding(5) var<storage, read_write> out: array<f32>; // [M, N], or partial sums
@group(0) @binding(6) var<storage, read> a_vectors: array<vec4<f32>>; // a
@group(0) @binding(7) var<storage, read> b_vectors: array<vec4<stored>>; // b
@group(0) @binding(8) var<storage, read> partials: array<f32>; // [⌈K / depth⌉, M, N]

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
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let first_row = group.y * TILE;
  let first_column = group.x * TILE;
  let end = min((group.z + 1u) * params.depth, params.inner);
  var sums: array<vec4<f32>, 4>;
  for (var k0 = group.z * params.depth; k0 < end; k0 += DEPTH) {
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
      var rows = block_a(local.y, quad);
      let columns = block_b(local.x, quad);
      for (var r = 0u; r < 4u; r++) {
        let left = rows[r];
        var sum = sums[r];
        sum = fma(vec4<f32>(left.x), columns[0], sum);
        sum = fma(vec4<f32>(left.y), columns[1], sum);
        sum = fma(vec4<f32>(left.z), columns[2], sum);
        sum = fma(vec4<f32>(left.w), columns[3], sum);
        sums[r] = sum;
      }
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
      store((group.z * params.rows + row) * params.columns + column, column, sum.x);
      sum = sum.yzwx;
    }
    sums = array<vec4<f32>, 4>(sums[1], sums[2], sums[3], sums[0]);
  }
}

/// Four rows of A: each the numbers of four k.
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

/// Four k of B: each the numbers of four columns.
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

/// Four neighbours of a line of A as it is stored, [lines, width]; zeros beyond it.
fn quad_a(line: u32, at: u32, lines: u32, width: u32) -> vec4<f32> {
  if (line >= lines || at >= width) {
    return vec4<f32>();
  }
  let i = line * width + at;
  if (VECTORS_A) {
    return a_vectors[i / 4u];
  }
  let last = i + width - at - 1u;
  let within = vec4<u32>(i) + vec4<u32>(0u, 1u, 2u, 3u) <= vec4<u32>(last);
  let quad = vec4<f32>(
    a[i],
    a[min(i + 1u, last)],
    a[min(i + 2u, last)],
    a[min(i + 3u, last)],
  );
  return select(vec4<f32>(), quad, within);
}

/// The same of B.
fn quad_b(line: u32, at: u32, lines: u32, width: u32) -> vec4<f32> {
  if (line >= lines || at >= width) {
    return vec4<f32>();
  }
  let i = line * width + at;
  if (VECTORS_B) {
    return vec4<f32>(b_vectors[i / 4u]);
  }
  let last = i + width - at - 1u;
  let within = vec4<u32>(i) + vec4<u32>(0u, 1u, 2u, 3u) <= vec4<u32>(last);
  let quad = vec4<f32>(
    f32(b[i]),
    f32(b[min(i + 1u, last)]),
    f32(b[min(i + 2u, last)]),
    f32(b[min(i + 3u, last)]),
  );
  return select(vec4<f32>(), quad, within);
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
  let count = (params.inner + params.depth - 1u) / params.depth;
  var sum = 0.0;
  for (var part = 0u; part < count; part++) {
    sum += partials[part * size + i];
  }
  store(i, i % params.columns, sum);
}

fn store(i: u32, column: u32, product: f32) {
  var value = product;
  if (params.with_bias == 1u) {
    value += bias[column];
  }
  if (params.with_residual == 1u) {
    value += residual[i];
  }
  if (params.with_accumulate == 1u) {
    value += out[i];
  }
  out[i] = value;
}
