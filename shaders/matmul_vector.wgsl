// Product of few rows and a matrix, as in decoding: the variant for real GPUs that reads B once.
//
//   out[m, n] ← Σₖ A[m, k] · B[k, n]  (+ bias[n])  (+ residual[m, n])  (+ out[m, n])
//
// A workgroup makes ROWS rows by a few columns. Its threads share out the k's so that neighbours read
// neighbouring vec4s of B as it is stored, and add up their sums in workgroup memory:
//
//   B [N, K]  4 columns; a thread takes four k's at a time
//   B [K, N]  16 columns; four threads take one k, a vec4 of columns each

alias stored = f32; // B: f16 where a weight is stored so

struct Params {
  rows: u32, // M
  columns: u32, // N
  inner: u32, // K
  with_bias: u32, // 1: the epilogue adds it
  with_residual: u32,
  with_accumulate: u32, // 1: adds to what `out` holds
}

override TRANSPOSE_A: bool = false; // A is stored [K, M]
override TRANSPOSE_B: bool = false; // B is stored [N, K]
override VECTORS: bool = false; // a row of B as it is stored is whole vec4s; where that runs along k, so is one of A

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>; // [M, K], or [K, M]
@group(0) @binding(2) var<storage, read> b: array<stored>; // [K, N], or [N, K]
@group(0) @binding(3) var<storage, read> bias: array<f32>; // [N]
@group(0) @binding(4) var<storage, read> residual: array<f32>; // [M, N]
@group(0) @binding(5) var<storage, read_write> out: array<f32>; // [M, N]
@group(0) @binding(6) var<storage, read> a_vectors: array<vec4<f32>>; // a
@group(0) @binding(7) var<storage, read> b_vectors: array<vec4<stored>>; // b

const ROWS: u32 = 8u;
const WORKGROUP: u32 = 64u;

var<workgroup> partials: array<vec4<f32>, ROWS * WORKGROUP>; // [ROWS, WORKGROUP]

@compute @workgroup_size(WORKGROUP)
fn vector(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let lanes = select(4u, 1u, TRANSPOSE_B); // threads side by side, each with a vec4 of columns
  let first_row = group.y * ROWS;
  let first_column = group.x * lanes * 4u;
  let last_row = params.rows - 1u;
  var sums: array<vec4<f32>, ROWS>;
  if (TRANSPOSE_B) {
    for (var k = thread * 4u; k < params.inner; k += WORKGROUP * 4u) {
      let columns = mat4x4<f32>(
        quad_b(first_column, k, params.columns, params.inner),
        quad_b(first_column + 1u, k, params.columns, params.inner),
        quad_b(first_column + 2u, k, params.columns, params.inner),
        quad_b(first_column + 3u, k, params.columns, params.inner),
      );
      for (var r = 0u; r < ROWS; r++) {
        sums[r] += quad_a(min(first_row + r, last_row), k) * columns;
      }
    }
  } else {
    let column = first_column + thread % lanes * 4u;
    for (var k = thread / lanes; k < params.inner; k += WORKGROUP / lanes) {
      let columns = quad_b(k, column, params.inner, params.columns);
      for (var r = 0u; r < ROWS; r++) {
        let left = a[index_a(min(first_row + r, last_row), k)];
        sums[r] = fma(vec4<f32>(left), columns, sums[r]);
      }
    }
  }
  for (var r = 0u; r < ROWS; r++) {
    partials[r * WORKGROUP + thread] = sums[r];
  }
  for (var half = WORKGROUP / 2u; half >= lanes; half /= 2u) {
    workgroupBarrier();
    if (thread < half) {
      for (var i = thread; i < ROWS * WORKGROUP; i += WORKGROUP) {
        partials[i] += partials[i + half];
      }
    }
  }
  workgroupBarrier();
  for (var i = thread; i < ROWS * lanes * 4u; i += WORKGROUP) {
    let row = i / (lanes * 4u);
    let at = i % (lanes * 4u);
    store(first_row + row, first_column + at, partials[row * WORKGROUP + at / 4u][at % 4u]);
  }
}

fn index_a(row: u32, k: u32) -> u32 {
  return select(row * params.inner + k, k * params.rows + row, TRANSPOSE_A);
}

/// Four k's of a row of A; zeros beyond K.
fn quad_a(row: u32, k: u32) -> vec4<f32> {
  if (VECTORS && !TRANSPOSE_A) {
    return a_vectors[index_a(row, k) / 4u];
  }
  let last = params.inner - 1u;
  let quad = vec4<f32>(
    a[index_a(row, k)],
    a[index_a(row, min(k + 1u, last))],
    a[index_a(row, min(k + 2u, last))],
    a[index_a(row, min(k + 3u, last))],
  );
  return select(vec4<f32>(), quad, vec4<u32>(k) + vec4<u32>(0u, 1u, 2u, 3u) <= vec4<u32>(last));
}

/// Four neighbours of a line of B as it is stored, [lines, width]; zeros beyond it.
fn quad_b(line: u32, at: u32, lines: u32, width: u32) -> vec4<f32> {
  if (line >= lines || at >= width) {
    return vec4<f32>();
  }
  let i = line * width + at;
  if (VECTORS) {
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

fn store(row: u32, column: u32, product: f32) {
  if (row >= params.rows || column >= params.columns) {
    return;
  }
  let i = row * params.columns + column;
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
