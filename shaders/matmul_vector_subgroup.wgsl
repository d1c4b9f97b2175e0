// Product of few rows and a matrix where subgroups exist: the variant of matmul_vector.wgsl for B [N, K].
//
//   out[m, n] ← Σₖ A[m, k] · B[k, n]  (+ bias[n])  (+ residual[m, n])  (+ out[m, n])
//
// A workgroup makes ROWS rows by 4 columns, a thread four k's at a time. Each subgroup adds its threads'
// sums, then every subgroup those of all: one barrier instead of one per halving. Nothing is assumed of a
// subgroup's size or of which threads are in it: threads are counted, and each sum lies at the number of the
// thread that wrote it, with zeros between.
enable subgroups;

alias stored = f32; // B: f16 where a weight is stored so

struct Params {
  rows: u32, // M
  columns: u32, // N
  inner: u32, // K
  with_bias: u32, // 1: the epilogue adds it
  with_residual: u32,
  with_accumulate: u32, // 1: adds to what `out` holds
}

override VECTORS: bool = false; // K is a multiple of 4

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>; // [M, K]
@group(0) @binding(2) var<storage, read> b: array<stored>; // [N, K]
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
  let first_row = group.y * ROWS;
  let first_column = group.x * 4u;
  let last_row = params.rows - 1u;
  let last_column = params.columns - 1u;
  var sums: array<vec4<f32>, ROWS>;
  // All threads go round equally often, so that none is missing where their subgroup adds.
  for (var k0 = 0u; k0 < params.inner; k0 += WORKGROUP * 4u) {
    let k = k0 + thread * 4u;
    let columns = mat4x4<f32>(
      quad_b(first_column, k),
      quad_b(min(first_column + 1u, last_column), k),
      quad_b(min(first_column + 2u, last_column), k),
      quad_b(min(first_column + 3u, last_column), k),
    );
    for (var r = 0u; r < ROWS; r++) {
      sums[r] += quad_a(min(first_row + r, last_row), k) * columns;
    }
  }
  let rank = subgroupExclusiveAdd(1u);
  let size = subgroupAdd(1u);
  let rows = min(ROWS, params.rows - first_row);
  // A loop whose end is only known when the kernel runs is not unrolled, and sums that take turns stay in registers.
  for (var r = 0u; r < rows; r++) {
    let sum = subgroupAdd(sums[0]);
    partials[r * WORKGROUP + thread] = select(vec4<f32>(), sum, rank == 0u);
    for (var next = 1u; next < ROWS; next++) {
      sums[next - 1u] = sums[next];
    }
  }
  workgroupBarrier();
  for (var r = 0u; r < rows; r++) {
    var sum = vec4<f32>();
    for (var i = rank; i < WORKGROUP; i += size) {
      sum += partials[r * WORKGROUP + i];
    }
    let total = subgroupAdd(sum);
    if (thread < 4u) {
      store(first_row + r, first_column + thread, total[thread]);
    }
  }
}

/// Four k's of a row of A; zeros beyond K.
fn quad_a(row: u32, k: u32) -> vec4<f32> {
  if (k >= params.inner) {
    return vec4<f32>();
  }
  let i = row * params.inner + k;
  if (VECTORS) {
    return a_vectors[i / 4u];
  }
  let last = row * params.inner + params.inner - 1u;
  let quad = vec4<f32>(
    a[i],
    a[min(i + 1u, last)],
    a[min(i + 2u, last)],
    a[min(i + 3u, last)],
  );
  return select(vec4<f32>(), quad, vec4<u32>(i) + vec4<u32>(0u, 1u, 2u, 3u) <= vec4<u32>(last));
}

/// The same of a column of B.
fn quad_b(column: u32, k: u32) -> vec4<f32> {
  if (k >= params.inner) {
    return vec4<f32>();
  }
  let i = column * params.inner + k;
  if (VECTORS) {
    return vec4<f32>(b_vectors[i / 4u]);
  }
  let last = column * params.inner + params.inner - 1u;
  let quad = vec4<f32>(
    f32(b[i]),
    f32(b[min(i + 1u, last)]),
    f32(b[min(i + 2u, last)]),
    f32(b[min(i + 3u, last)]),
  );
  return select(vec4<f32>(), quad, vec4<u32>(i) + vec4<u32>(0u, 1u, 2u, 3u) <= vec4<u32>(last));
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
