import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from "../tensor/half.ts";

/**
 * The value types of weight files. Arrays are viewed in the host's byte order; every host of WebGPU
 * is little-endian, as the files are.
 */
export const BYTES_PER_VALUE = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;

export type Dtype = keyof typeof BYTES_PER_VALUE;

/** The types that values are written in. */
export type FloatDtype = "F32" | "F16" | "BF16";

/**
 * Stored bytes as f32. F16 and BF16 widen exactly and F64 rounds; an integer that f32 cannot hold
 * is an error that names the `tensor`.
 */
export function toFloat32(
  tensor: string,
  dtype: Dtype,
  bytes: Uint8Array,
): Float32Array<ArrayBuffer> {
  // A copy starts at offset 0, as the wider views need.
  const { buffer } = new Uint8Array(bytes);
  switch (dtype) {
    case "F32":
      return new Float32Array(buffer);
    case "F64":
      return Float32Array.from(new Float64Array(buffer));
    case "F16":
      return float16ToFloat32(new Uint16Array(buffer));
    case "BF16":
      return bfloat16ToFloat32(new Uint16Array(buffer));
    case "I32":
      return exactFloat32(tensor, new Int32Array(buffer));
    case "I64":
      return exactFloat32(tensor, Array.from(new BigInt64Array(buffer), Number));
    case "U64":
      return exactFloat32(tensor, Array.from(new BigUint64Array(buffer), Number));
    case "U32":
      return exactFloat32(tensor, new Uint32Array(buffer));
    case "I16":
      return Float32Array.from(new Int16Array(buffer));
    case "U16":
      return Float32Array.from(new Uint16Array(buffer));
    case "I8":
      return Float32Array.from(new Int8Array(buffer));
    case "U8":
    case "BOOL":
      return Float32Array.from(bytes);
  }
}

/** f32 as stored bytes; F16 and BF16 round to nearest, ties to even. */
export function fromFloat32(data: Float32Array, dtype: FloatDtype): Uint8Array {
  const values = dtype === "F32"
    ? data
    : dtype === "F16"
    ? float32ToFloat16(data)
    : float32ToBfloat16(data);
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

const LARGEST_F16 = 65504;

/** Stored bytes as f16. F16 stays as it is, the others round; a value beyond f16 is an error that names the `tensor`. */
export function toFloat16(tensor: string, dtype: Dtype, bytes: Uint8Array): Uint16Array {
  if (dtype === "F16") return new Uint16Array(new Uint8Array(bytes).buffer);
  const values = toFloat32(tensor, dtype, bytes);
  const halves = float32ToFloat16(values);
  for (let i = 0; i < halves.length; i++) {
    if ((halves[i] & 0x7fff) !== 0x7c00 || !isFinite(values[i])) continue;
    throw new RangeError(
      `tensor ${tensor} holds ${values[i]}, and f16 goes to ${LARGEST_F16}; load it as f32`,
    );
  }
  return halves;
}

function exactFloat32(tensor: string, integers: ArrayLike<number>): Float32Array<ArrayBuffer> {
  const values = Float32Array.from(integers);
  const lost = values.findIndex((value, i) => value !== integers[i]);
  if (lost >= 0) {
    throw new RangeError(`tensor ${tensor} holds ${integers[lost]}, which f32 cannot hold exactly`);
  }
  return values;
}
