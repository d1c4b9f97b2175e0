// PRODUCT of row_program.wgsl, brought into it by its line `// include row_product`: a tile of ROWS rows by
// 4·WIDE·WORKGROUP columns.
//
// Eight lanes load two rows of the source at a time, an element each of four k, and hand them round. Weights come from
// a texture, four numbers at a time. Rows past the end are the last, computed once more.

const ROWS: u32 = 16u; // of the tile, a multiple of 2
const WIDE: u32 = 4u; // vec4s of columns that a lane owns
const STEP: u32 = 4u; // of k

var<private> sums: array<vec4<f32>, ROWS * WIDE>;

// The tile whose columns begin at the lane's vec4 `column`.
fn multiply(now: Instruction, first: u32, column: u32, lane: u32) {
  for (var j = 0u; j < ROWS * WIDE; j++) {
    sums[j] = vec4<f32>();
  }
  let vectors = now.columns / 4u;
  for (var k = 0u; k < now.inner; k += STEP) {
    var b: array<vec4<f32>, STEP * WIDE>; // of each k the lane's columns
    for (var w = 0u; w < WIDE; w++) {
      let own = min(column + w * WORKGROUP, vectors - 1u);
      let four = four_of_weight(now, k, own);
      for (var i = 0u; i < STEP; i++) {
        b[i * WIDE + w] = four[i];
      }
    }
    var mine: array<f32, ROWS / 2u>;
    for (var i = 0u; i < ROWS / 2u; i++) {
      let row = min(first + 2u * i + lane / STEP % 2u, params.rows - 1u);
      mine[i] = work[4u * now.source + row * now.inner + k + lane % STEP];
    }
    for (var i = 0u; i < ROWS / 2u; i++) {
      let x = mine[i];
      let upper = array(
        subgroupBroadcast(x, 0u),
        subgroupBroadcast(x, 1u),
        subgroupBroadcast(x, 2u),
        subgroupBroadcast(x, 3u),
      );
      let lower = array(
        subgroupBroadcast(x, 4u),
        subgroupBroadcast(x, 5u),
        subgroupBroadcast(x, 6u),
        subgroupBroadcast(x, 7u),
      );
      for (var w = 0u; w < WIDE; w++) {
        let at = 2u * i * WIDE + w;
        var above = sums[at];
        var below = sums[at + WIDE];
        for (var j = 0u; j < STEP; j++) {
          above = fma(vec4<f32>(upper[j]), b[j * WIDE + w], above);
          below = fma(vec4<f32>(lower[j]), b[j * WIDE + w], below);
        }
        sums[at] = above; // once: the array is in memory
        sums[at + WIDE] = below;
      }
    }
  }
  // A loop whose end is only known when the kernel runs is not unrolled.
  for (var j = 0u; j / WIDE < params.rows - first && j < ROWS * WIDE; j++) {
    let own = column + j % WIDE * WORKGROUP;
    if (own < vectors) {
      finish(now, first + j / WIDE, own, sums[j]);
    }
  }
}

// Rows k … k + 3 of a weight, in the vec4 `column` of columns. Where it is turned what is loaded are its columns.
fn four_of_weight(now: Instruction, k: u32, column: u32) -> array<vec4<f32>, 4> {
  let turned = now.form >= TURNED;
  let vectors = select(now.columns, now.inner, turned) / 4u;
  let at = now.weight + select(k * vectors + column, 4u * column * vectors + k / 4u, turned);
  let x = weight_vector(at);
  let y = weight_vector(at + vectors);
  let z = weight_vector(at + 2u * vectors);
  let w = weight_vector(at + 3u * vectors);
  return array(
    select(x, vec4<f32>(x.x, y.x, z.x, w.x), turned),
    select(y, vec4<f32>(x.y, y.y, z.y, w.y), turned),
    select(z, vec4<f32>(x.z, y.z, z.z, w.z), turned),
    select(w, vec4<f32>(x.w, y.w, z.w, w.w), turned),
  );
}
