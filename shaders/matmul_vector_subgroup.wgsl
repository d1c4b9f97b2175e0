// Product of few rows and a matrix where subgroups exist: the variant of matmul_vector.wgsl for A [M, K]
// and B [N, K].
//
//   out[m, n] ← Σₖ A[m, k] · B[k, n]  (+ bias[n])  (+ residual[m, n])  (+ out[m, n])
//
// A workgroup makes ROWS rows by 4 columns, a thread four k's at a time. Each subgroup adds its threads'
// sums, then every subgroup those of all: one barrier instead of one per halving. Nothing is assumed of a
// subgroup's size or of which threads are in it: threads are counted, and each sum lies at the number of the
// thread that wrote it, with zeros between.
enable subgroups;

// include product

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
  var sums: array<vec4<f32>, ROWS>;
  // All threads go round equally often, so that none is missing where their subgroup adds.
  for (var k0 = 0u; k0 < params.inner; k0 += WORKGROUP * 4u) {
    let k = k0 + thread * 4u;
    let columns = mat4x4<f32>(
      quad_b(first_column, k, params.columns, params.inner),
      quad_b(first_column + 1u, k, params.columns, params.inner),
      quad_b(first_column + 2u, k, params.columns, params.inner),
      quad_b(first_column + 3u, k, params.columns, params.inner),
    );
    for (var r = 0u; r < ROWS; r++) {
      let left = quad_a(min(first_row + r, last_row), k, params.rows, params.inner);
      sums[r] += left * columns;
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
