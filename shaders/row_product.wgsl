// PRODUCT of row_program.wgsl, brought into it by its line `// include row_product`: a tile of ROWS rows by
// 16·WORKGROUP columns.
//
// Eight lanes load two rows of the source at a time, an element each of four k, and hand them round. Weights come from
// a texture, four numbers at a time. Rows past the end are the last, computed once more.
//
// The loop over k is 29 KB of machine code under Mesa, and a core has 32 for instructions: whatever makes it longer, if
// only by what follows it, makes it up to 1.4 times slower.
//
// The rows' sums are variables of their own, each written out: an array of them, or a loop over them that the driver
// does not unroll, would be in memory and looked up element by element (up to four times slower).

const ROWS: u32 = 16u; // of the tile, 16 or 8
const WIDE: u32 = 4u; // vec4s of columns that a lane owns, WORKGROUP apart: those of a Part
const STEP: u32 = 4u; // of k

// A row's numbers in the columns that a lane owns.
struct Part {
  a: vec4<f32>,
  b: vec4<f32>,
  c: vec4<f32>,
  d: vec4<f32>,
}

alias Weights = array<Part, STEP>; // rows k … k + 3

var<private> sums: array<vec4<f32>, ROWS * WIDE>; // when all k are done

// The tile whose columns begin at vec4 `tile`.
fn multiply(now: Instruction, first: u32, tile: u32, at: u32, lane: u32) {
  var row0 = Part();
  var row1 = Part();
  var row2 = Part();
  var row3 = Part();
  var row4 = Part();
  var row5 = Part();
  var row6 = Part();
  var row7 = Part();
  var row8 = Part();
  var row9 = Part();
  var row10 = Part();
  var row11 = Part();
  var row12 = Part();
  var row13 = Part();
  var row14 = Part();
  var row15 = Part();
  let from0 = source_of(now, first, lane);
  let from2 = source_of(now, first + 2u, lane);
  let from4 = source_of(now, first + 4u, lane);
  let from6 = source_of(now, first + 6u, lane);
  let from8 = source_of(now, first + 8u, lane);
  let from10 = source_of(now, first + 10u, lane);
  let from12 = source_of(now, first + 12u, lane);
  let from14 = source_of(now, first + 14u, lane);
  let vectors = now.columns / 4u;
  let steps = vec4<u32>(0u, WORKGROUP, 2u * WORKGROUP, 3u * WORKGROUP);
  let own = min(tile + at + steps, vec4<u32>(vectors - 1u)); // past the end the last
  var k = 0u;
  loop {
    let w = weights_of(now.weight + k * vectors, vectors, own);
    let x0 = work[from0 + k];
    let x2 = work[from2 + k];
    let x4 = work[from4 + k];
    let x6 = work[from6 + k];
    let x8 = work[from8 + k];
    let x10 = work[from10 + k];
    let x12 = work[from12 + k];
    let x14 = work[from14 + k];
    row0 = added(row0, x0, 0u, w);
    row1 = added(row1, x0, 4u, w);
    row2 = added(row2, x2, 0u, w);
    row3 = added(row3, x2, 4u, w);
    row4 = added(row4, x4, 0u, w);
    row5 = added(row5, x4, 4u, w);
    row6 = added(row6, x6, 0u, w);
    row7 = added(row7, x6, 4u, w);
    if (ROWS > 8u) {
      row8 = added(row8, x8, 0u, w);
      row9 = added(row9, x8, 4u, w);
      row10 = added(row10, x10, 0u, w);
      row11 = added(row11, x10, 4u, w);
      row12 = added(row12, x12, 0u, w);
      row13 = added(row13, x12, 4u, w);
      row14 = added(row14, x14, 0u, w);
      row15 = added(row15, x14, 4u, w);
    }
    continuing {
      k += STEP;
      break if k >= now.inner;
    }
  }
  keep_sums(0u, row0);
  keep_sums(1u, row1);
  keep_sums(2u, row2);
  keep_sums(3u, row3);
  keep_sums(4u, row4);
  keep_sums(5u, row5);
  keep_sums(6u, row6);
  keep_sums(7u, row7);
  if (ROWS > 8u) {
    keep_sums(8u, row8);
    keep_sums(9u, row9);
    keep_sums(10u, row10);
    keep_sums(11u, row11);
    keep_sums(12u, row12);
    keep_sums(13u, row13);
    keep_sums(14u, row14);
    keep_sums(15u, row15);
  }
  // Loops whose ends are only known when the kernel runs are not unrolled.
  let rows = min(ROWS, params.rows - first);
  let parts = min(WIDE * WORKGROUP, vectors - tile);
  var part = 0u;
  loop {
    let place = tile + part + at;
    var bias = vec4<f32>();
    if (now.bias != NONE) {
      bias = weight_vector(now.bias + place);
    }
    if (place < vectors) {
      var row = 0u;
      loop {
        finish(now, first + row, place, sums[row * WIDE + part / WORKGROUP], bias);
        continuing {
          row++;
          break if row >= rows;
        }
      }
    }
    continuing {
      part += WORKGROUP;
      break if part >= parts;
    }
  }
}

// Where a lane's element of two rows of the source is at k = 0.
fn source_of(now: Instruction, row: u32, lane: u32) -> u32 {
  return 4u * now.source + min(row + lane / STEP % 2u, params.rows - 1u) * now.inner + lane % STEP;
}

// A row's sums, and what its elements that lanes `first` … `first` + 3 hold give.
fn added(sum: Part, mine: f32, first: u32, w: Weights) -> Part {
  let x0 = vec4<f32>(subgroupShuffle(mine, first));
  let x1 = vec4<f32>(subgroupShuffle(mine, first + 1u));
  let x2 = vec4<f32>(subgroupShuffle(mine, first + 2u));
  let x3 = vec4<f32>(subgroupShuffle(mine, first + 3u));
  return Part(
    fma(x3, w[3].a, fma(x2, w[2].a, fma(x1, w[1].a, fma(x0, w[0].a, sum.a)))),
    fma(x3, w[3].b, fma(x2, w[2].b, fma(x1, w[1].b, fma(x0, w[0].b, sum.b)))),
    fma(x3, w[3].c, fma(x2, w[2].c, fma(x1, w[1].c, fma(x0, w[0].c, sum.c)))),
    fma(x3, w[3].d, fma(x2, w[2].d, fma(x1, w[1].d, fma(x0, w[0].d, sum.d)))),
  );
}

fn keep_sums(row: u32, sum: Part) {
  sums[WIDE * row] = sum.a;
  sums[WIDE * row + 1u] = sum.b;
  sums[WIDE * row + 2u] = sum.c;
  sums[WIDE * row + 3u] = sum.d;
}

// Of rows k … k + 3 of a weight, those begin at vec4 `start`, what lies in vec4s `own` of columns.
fn weights_of(start: u32, vectors: u32, own: vec4<u32>) -> Weights {
  return Weights(
    row_of_weight(start, own),
    row_of_weight(start + vectors, own),
    row_of_weight(start + 2u * vectors, own),
    row_of_weight(start + 3u * vectors, own),
  );
}

fn row_of_weight(start: u32, own: vec4<u32>) -> Part {
  return Part(
    weight_vector(start + own.x),
    weight_vector(start + own.y),
    weight_vector(start + own.z),
    weight_vector(start + own.w),
  );
}
