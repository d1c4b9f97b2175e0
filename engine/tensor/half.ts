/**
 * The 16-bit floating-point formats of weight files. Both widen to f32 exactly; narrowing rounds to
 * the nearest value, ties to even. Bits pass through integer views, so NaNs keep their payload.
 */

/** f16 (1 sign, 5 exponent, 10 fraction bits) to f32. */
export function float16ToFloat32(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = widenFloat16(halves[i]);
  return new Float32Array(bits.buffer);
}

/** bf16 (the upper half of an f32) to f32. */
export function bfloat16ToFloat32(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i] << 16;
  return new Float32Array(bits.buffer);
}

/** f32 to f16; beyond 65,519 it becomes infinity. */
export function float32ToFloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length); // a mapping function takes ten times as long
  for (let i = 0; i < halves.length; i++) halves[i] = narrowToFloat16(bits[i]);
  return halves;
}

/** f32 to bf16. */
export function float32ToBfloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, (word) => {
    if (isNaNBits(word)) return (word >>> 16) | 0x40;
    return (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  });
}

function widenFloat16(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // Subnormal: shift the leading one into the place of the implicit bit.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}

function narrowToFloat16(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  if (isNaNBits(word)) return sign | 0x7e00 | ((word >>> 13) & 0x3ff);
  const magnitude = word & 0x7fffffff;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  // Rebias the exponent; a carry of the rounding moves on to the next exponent by itself.
  if (magnitude >= 0x38800000) return sign | roundShift(magnitude - 0x38000000, 13);
  const shift = 126 - (magnitude >>> 23);
  if (shift > 24) return sign;
  return sign | roundShift((magnitude & 0x7fffff) | 0x800000, shift);
}

/** `value / 2^shift`, rounded to nearest, ties to even. */
function roundShift(value: number, shift: number): number {
  const odd = (value >>> shift) & 1;
  return (value + (1 << (shift - 1)) - 1 + odd) >>> shift;
}

function isNaNBits(word: number): boolean {
  return (word & 0x7fffffff) > 0x7f800000;
}
