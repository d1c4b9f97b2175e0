// The logistic function σ(g) = 1 / (1 + e^−g), brought into shaders by their line `// include logistic`.

// (σ(g), σ(−g)). The exponential of −|g| cannot overflow, and neither value comes from 1 − the other.
fn sigmoids(g: f32) -> vec2<f32> {
  let decay = exp(-abs(g));
  let large = 1.0 / (1.0 + decay);
  let small = decay / (1.0 + decay);
  return select(vec2(small, large), vec2(large, small), g >= 0.0);
}
