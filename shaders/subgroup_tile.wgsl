// The tile of a matrix product that a subgroup's worth of lanes makes: ROWS rows by 8·WORKGROUP columns, brought into
// shaders by their line `// include subgroup_tile`. They say what A is, by a function element_of_a(row, k).
//
// A lane owns two vec4 of columns. In a step of two k, eight lanes load four rows of A at a time, one element each,
// and hand them round: so a load of B serves ROWS rows and one of A all the columns, without workgroup memory.
// Software adapters load element by element, with a check for each, at the price of about ten multiply-adds. The
// tile is as large, and the step as short, as leaves the machine code of a step within 32 KiB of instruction cache: a
// longer one waits for instructions. Rows past the end are the last, computed once more.
// Needs subgroups of at least 8 lanes; larger ones hold the eight elements several times over.

const STEP: u32 = 2u; // of k
const ROWS_OF_LOAD: u32 = 4u; // of A: eight lanes hold so many rows by STEP
const ROWS: u32 = 32u; // a multiple of ROWS_OF_LOAD

var<private> sums: array<vec4<f32>, 2u * ROWS>; // of each row the left vec4, then the right

// Adds what two k give, from the lane's columns of B at the first of them and at the second.
fn add_step(
  first_row: u32, // of the tile
  last_row: u32, // of A
  k: u32,
  lane: u32,
  left0: vec4<f32>,
  right0: vec4<f32>,
  left1: vec4<f32>,
  right1: vec4<f32>,
) {
  var mine: array<f32, ROWS / ROWS_OF_LOAD>;
  for (var i = 0u; i < ROWS / ROWS_OF_LOAD; i++) {
    let row = min(first_row + i * ROWS_OF_LOAD + lane / STEP % ROWS_OF_LOAD, last_row);
    mine[i] = element_of_a(row, k + lane % STEP);
  }
  for (var i = 0u; i < ROWS / ROWS_OF_LOAD; i++) {
    let x = mine[i];
    let first0 = vec4<f32>(subgroupBroadcast(x, 0u));
    let first1 = vec4<f32>(subgroupBroadcast(x, 1u));
    let second0 = vec4<f32>(subgroupBroadcast(x, 2u));
    let second1 = vec4<f32>(subgroupBroadcast(x, 3u));
    let third0 = vec4<f32>(subgroupBroadcast(x, 4u));
    let third1 = vec4<f32>(subgroupBroadcast(x, 5u));
    let fourth0 = vec4<f32>(subgroupBroadcast(x, 6u));
    let fourth1 = vec4<f32>(subgroupBroadcast(x, 7u));
    let at = i * 2u * ROWS_OF_LOAD;
    sums[at] = fma(first1, left1, fma(first0, left0, sums[at]));
    sums[at + 1u] = fma(first1, right1, fma(first0, right0, sums[at + 1u]));
    sums[at + 2u] = fma(second1, left1, fma(second0, left0, sums[at + 2u]));
    sums[at + 3u] = fma(second1, right1, fma(second0, right0, sums[at + 3u]));
    sums[at + 4u] = fma(third1, left1, fma(third0, left0, sums[at + 4u]));
    sums[at + 5u] = fma(third1, right1, fma(third0, right0, sums[at + 5u]));
    sums[at + 6u] = fma(fourth1, left1, fma(fourth0, left0, sums[at + 6u]));
    sums[at + 7u] = fma(fourth1, right1, fma(fourth0, right0, sums[at + 7u]));
  }
}
