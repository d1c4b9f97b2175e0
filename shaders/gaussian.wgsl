// The standard normal distribution function Φ and its derivative, brought into shaders by their line `// include
// gaussian`, in two forms:
//
//   erf form    Φ(x) = erfc(−x / √2) / 2                        Φ'(x) = e^(−x²/2) / √(2π)
//   tanh form   Φ(x) ≈ (1 + tanh u) / 2 = σ(2u)                 Φ'(x) ≈ σ(2u) · σ(−2u) · 2u'
//               u = √(2/π) · (x + 0.044715 x³)                  u' = √(2/π) · (1 + 0.134145 x²)

const SQRT_HALF: f32 = 0.70710678118654752;
const INVERSE_SQRT_TAU: f32 = 0.39894228040143268; // 1 / √(2π)
const SQRT_TWO_OVER_PI: f32 = 0.79788456080286536;

// erfc(z) for z ≥ 0 to a relative error of 1.2·10⁻⁷: t · e^(−z²) times e to a Chebyshev fit in t
// (Numerical Recipes, erfcc).
fn erfc_positive(z: f32) -> f32 {
  let t = 1.0 / (1.0 + 0.5 * z);
  let low = -0.82215223 + t * 0.17087277;
  let middle = -0.18628806 + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * low)));
  let fit = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * middle)));
  return t * exp(-z * z + fit);
}

// (Φ(x), Φ'(x)). Beyond ±20 both are 0 or 1 in f32; the clamp keeps powers of x finite.
fn distribution(value: f32, tanh_form: bool) -> vec2<f32> {
  let x = clamp(value, -20.0, 20.0);
  if (tanh_form) {
    let u = SQRT_TWO_OVER_PI * (x + 0.044715 * x * x * x);
    let decay = exp(-abs(2.0 * u));
    let large = 1.0 / (1.0 + decay);
    let small = decay / (1.0 + decay);
    let slope = SQRT_TWO_OVER_PI * (1.0 + 0.134145 * x * x);
    return vec2(select(small, large, u >= 0.0), large * small * 2.0 * slope);
  }
  let tail = 0.5 * erfc_positive(abs(x) * SQRT_HALF);
  return vec2(select(tail, 1.0 - tail, x >= 0.0), INVERSE_SQRT_TAU * exp(-0.5 * x * x));
}

// x · Φ(x) of four numbers.
fn gelu_of_four(x: vec4<f32>, tanh_form: bool) -> vec4<f32> {
  return vec4<f32>(
    x.x * distribution(x.x, tanh_form).x,
    x.y * distribution(x.y, tanh_form).x,
    x.z * distribution(x.z, tanh_form).x,
    x.w * distribution(x.w, tanh_form).x,
  );
}
