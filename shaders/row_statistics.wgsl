// What normalising a row needs to know of it, found by one lane; brought into shaders by their line `// include
// row_statistics`. They say what a row is, by a function vector_of_row(i).
//
// The mathematics, with its letters and its order of sums, is that of layernorm.wgsl and rmsnorm.wgsl with eight
// lanes, each of which has every eighth column. Here a lane has all columns of its row and keeps eight sums: it loads
// four numbers at a time, which costs software adapters half of four loads, and waits for no other lane.

fn joined(low: vec4<f32>, high: vec4<f32>) -> f32 {
  return low.x + low.y + low.z + low.w + high.x + high.y + high.z + high.w;
}

// (μ, r) of the row that begins at vec4 `start`; a multiple of 8 columns.
fn layer_norm_statistics(start: u32, columns: u32, epsilon: f32) -> vec2<f32> {
  let vectors = columns / 4u;
  var low = vec4<f32>();
  var high = vec4<f32>();
  for (var i = 0u; i < vectors; i += 2u) {
    low += vector_of_row(start + i);
    high += vector_of_row(start + i + 1u);
  }
  let mean = joined(low, high) / f32(columns);
  // As in layernorm.wgsl: squares of differences, and what rounding left in μ.
  var low_squares = vec4<f32>();
  var high_squares = vec4<f32>();
  low = vec4<f32>();
  high = vec4<f32>();
  for (var i = 0u; i < vectors; i += 2u) {
    let first = vector_of_row(start + i) - mean;
    let second = vector_of_row(start + i + 1u) - mean;
    low_squares += first * first;
    high_squares += second * second;
    low += first;
    high += second;
  }
  let square = joined(low_squares, high_squares) / f32(columns);
  let rest = joined(low, high) / f32(columns);
  return vec2<f32>(mean + rest, 1.0 / sqrt(max(square - rest * rest, 0.0) + epsilon));
}

// 1 / √(mean of squares + ε) of the row that begins at vec4 `start`; a multiple of 8 columns.
fn inverse_rms(start: u32, columns: u32, epsilon: f32) -> f32 {
  var low = vec4<f32>();
  var high = vec4<f32>();
  for (var i = 0u; i < columns / 4u; i += 2u) {
    let first = vector_of_row(start + i);
    let second = vector_of_row(start + i + 1u);
    low += first * first;
    high += second * second;
  }
  return 1.0 / sqrt(joined(low, high) / f32(columns) + epsilon);
}
