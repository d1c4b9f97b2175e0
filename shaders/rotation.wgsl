// Sine and cosine of rotary positions, brought into shaders by their line `// include rotation`.
//
// Frequencies and angles are kept in turns, as 32-bit fixed point (2³² = one turn): their product then
// wraps around by whole turns by itself, where an f32 angle of 4096 radians would be off by 2·10⁻⁴. Sine
// and cosine are polynomials, for WGSL promises only 2⁻¹¹ of the built-in ones.

const RADIANS_PER_UNIT: f32 = 1.4629180792671596e-9; // 2π / 2³²

// (cosine, sine) of an angle in turns: the nearest quarter turn, and the minimax polynomials of Cephes
// (sinf.c) over the ±π/4 that remain.
fn cosine_and_sine(turns: u32) -> vec2<f32> {
  let quarter = (turns + (1u << 29u)) >> 30u;
  let angle = f32(bitcast<i32>(turns - (quarter << 30u))) * RADIANS_PER_UNIT;
  let z = angle * angle;
  let s = angle + angle * z * (-1.6666654611e-1 + z * (8.3321608736e-3 - z * 1.9515295891e-4));
  let c = 1.0 - 0.5 * z +
    z * z * (4.166664568298827e-2 + z * (-1.388731625493765e-3 + z * 2.443315711809948e-5));
  let swapped = select(vec2(c, s), vec2(-s, c), (quarter & 1u) == 1u);
  return select(swapped, -swapped, (quarter & 2u) == 2u);
}
