// Which keys and values row programs have kept, brought into shaders by their line `// include row_kept`: of each row
// the place of the first in its sequence, and their number. `work` begins with these, as f32, which has all integers to
// 2²⁴.

fn kept_first(row: u32) -> u32 {
  return u32(work[2u * row]);
}

fn kept_count(row: u32) -> u32 {
  return u32(work[2u * row + 1u]);
}

fn set_kept(row: u32, first: u32, count: u32) {
  work[2u * row] = f32(first);
  work[2u * row + 1u] = f32(count);
}
