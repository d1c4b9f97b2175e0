// What shaders of the matrix product share, brought into them by their line `// include product`: operands,
// how they are read, and the epilogue.

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
override VECTORS_A: bool = false; // a row of A as it is stored is whole vec4s
override VECTORS_B: bool = false;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>; // [M, K], or [K, M]
@group(0) @binding(2) var<storage, read> b: array<stored>; // [K, N], or [N, K]
@group(0) @binding(3) var<storage, read> bias: array<f32>; // [N]
@group(0) @binding(4) var<storage, read> residual: array<f32>; // [M, N]
@group(0) @binding(5) var<storage, read_write> out: array<f32>; // [M, N]
@group(0) @binding(6) var<storage, read> a_vectors: array<vec4<f32>>; // a
@group(0) @binding(7) var<storage, read> b_vectors: array<vec4<stored>>; // b

fn index_a(row: u32, k: u32) -> u32 {
  return select(row * params.inner + k, k * params.rows + row, TRANSPOSE_A);
}

fn index_b(k: u32, column: u32) -> u32 {
  return select(k * params.columns + column, column * params.inner + k, TRANSPOSE_B);
}

// Four neighbours of a line of A as it is stored, [lines, width]; zeros beyond it.
fn quad_a(line: u32, at: u32, lines: u32, width: u32) -> vec4<f32> {
  if (line >= lines || at >= width) {
    return vec4<f32>();
  }
  let i = line * width + at;
  if (VECTORS_A) {
    return a_vectors[i / 4u];
  }
  let last = i + width - at - 1u;
  let quad = vec4<f32>(a[i], a[min(i + 1u, last)], a[min(i + 2u, last)], a[min(i + 3u, last)]);
  return select(vec4<f32>(), quad, vec4<u32>(i, i + 1u, i + 2u, i + 3u) <= vec4<u32>(last));
}

// The same of B.
fn quad_b(line: u32, at: u32, lines: u32, width: u32) -> vec4<f32> {
  if (line >= lines || at >= width) {
    return vec4<f32>();
  }
  let i = line * width + at;
  if (VECTORS_B) {
    return vec4<f32>(b_vectors[i / 4u]);
  }
  let last = i + width - at - 1u;
  let quad = vec4<stored>(b[i], b[min(i + 1u, last)], b[min(i + 2u, last)], b[min(i + 3u, last)]);
  let within = vec4<u32>(i, i + 1u, i + 2u, i + 3u) <= vec4<u32>(last);
  return select(vec4<f32>(), vec4<f32>(quad), within);
}

// Writes an element of the result with all that is added to it; nothing outside of the result.
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
