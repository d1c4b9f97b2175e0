import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from "../../engine/tensor/half.ts";

const EVERY_HALF = Uint16Array.from({ length: 65536 }, (_, i) => i);

/** The definition of IEEE 754 binary16. */
function float16Value(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

test("every f16 widens to its exact value", () => {
  const values = float16ToFloat32(EVERY_HALF);
  const wrong = EVERY_HALF.findIndex((half) => !Object.is(values[half], float16Value(half)));
  expect(wrong).toBe(-1);
});

test("every bf16 widens to the f32 with its bits in the upper half", () => {
  const bits = new Uint32Array(bfloat16ToFloat32(EVERY_HALF).buffer);
  expect(EVERY_HALF.findIndex((half) => bits[half] !== half * 65536)).toBe(-1);
});

test("every 16-bit number but a signalling NaN comes back from f32 with the same bits", () => {
  const f16 = float32ToFloat16(float16ToFloat32(EVERY_HALF));
  const bf16 = float32ToBfloat16(bfloat16ToFloat32(EVERY_HALF));
  const isNumber = (half: number, infinity: number) => (half & 0x7fff) <= infinity;
  for (const half of EVERY_HALF) {
    if (isNumber(half, 0x7c00)) expect(f16[half]).toBe(half);
    if (isNumber(half, 0x7f80)) expect(bf16[half]).toBe(half);
  }
  expect(float16ToFloat32(float32ToFloat16(new Float32Array([NaN])))[0]).toBeNaN();
  expect(bfloat16ToFloat32(float32ToBfloat16(new Float32Array([NaN])))[0]).toBeNaN();
});

/** Narrowing is right where no neighbour is nearer, and of two as near the even one is taken. */
function checkNearest(
  value: number,
  narrow: (values: Float32Array) => Uint16Array,
  widen: (halves: Uint16Array) => Float32Array,
) {
  const [half] = narrow(new Float32Array([value]));
  const [here] = widen(Uint16Array.of(half));
  for (const neighbour of [half - 1, half + 1]) {
    const [there] = widen(Uint16Array.of(neighbour & 0xffff));
    if (!Number.isFinite(there) || !Number.isFinite(here)) continue;
    const [near, far] = [Math.abs(here - value), Math.abs(there - value)];
    expect(near <= far).toBe(true);
    if (near === far) expect(half % 2).toBe(0);
  }
}

test("narrowing rounds to nearest, ties to even", () => {
  const value = fc.float({ noNaN: true, noDefaultInfinity: true, min: -60000, max: 60000 });
  fc.assert(
    fc.property(value, (x) => {
      checkNearest(x, float32ToFloat16, float16ToFloat32);
      checkNearest(x, float32ToBfloat16, bfloat16ToFloat32);
    }),
    { seed: 1, numRuns: 2000 },
  );
  const tie = new Float32Array([1 + 2 ** -11, 1 + 3 * 2 ** -11, 2 ** -25, 3 * 2 ** -25]);
  expect([...float16ToFloat32(float32ToFloat16(tie))])
    .toEqual([1, 1 + 2 ** -9, 0, 2 ** -23]);
});

test("f16 overflows to infinity from halfway to 65,536 on", () => {
  const halves = float32ToFloat16(new Float32Array([65519, 65520, -1e9]));
  expect([...float16ToFloat32(halves)]).toEqual([65504, Infinity, -Infinity]);
});
