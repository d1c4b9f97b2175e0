import type { Storage } from "../gpu/buffers.ts";
import type { Engine } from "../gpu/engine.ts";

/** f16 is how weights that are not trained may be stored; all arithmetic is in f32. */
export type DType = "f32" | "u32" | "f16";
export type Shape = readonly number[];

export const BYTES_PER_NUMBER: Readonly<Record<DType, number>> = { f32: 4, u32: 4, f16: 2 };

/** A contiguous row-major array on the GPU: a buffer, an offset in bytes, a shape and a dtype. */
export class Tensor {
  readonly size: number;
  readonly bytes: number;

  constructor(
    readonly engine: Engine,
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: Shape,
    readonly dtype: DType,
  ) {
    this.size = sizeOf(shape);
    this.bytes = bytesOf(this.size, dtype);
  }

  /** The same numbers under another shape. The view shares the buffer and does not own it. */
  view(shape: Shape): Tensor {
    if (sizeOf(shape) !== this.size) {
      throw new RangeError(
        `a tensor of shape [${this.shape}] cannot be seen as [${shape}]: ${this.size} ≠ ${
          sizeOf(shape)
        }`,
      );
    }
    return new Tensor(this.engine, this.storage, this.offset, shape, this.dtype);
  }

  /** Rows `start … end−1` of the first axis, as a view. The offset must be a multiple of 256 bytes. */
  rows(start: number, end: number): Tensor {
    const width = this.size / this.shape[0];
    const offset = this.offset + start * width * BYTES_PER_NUMBER[this.dtype];
    if (offset % 256) {
      throw new RangeError(
        `rows ${start}…${end} of [${this.shape}] start at byte ${offset}, not a multiple of 256`,
      );
    }
    return new Tensor(
      this.engine,
      this.storage,
      offset,
      [end - start, ...this.shape.slice(1)],
      this.dtype,
    );
  }

  /** Copies the numbers to the CPU, after all work launched so far; f16 widens exactly. */
  read(): Promise<Float32Array> {
    return this.engine.read(this);
  }

  /** Like `read`, for a tensor of `u32`. */
  readIntegers(): Promise<Uint32Array> {
    return this.engine.readIntegers(this);
  }
}

/** Bytes of so many numbers, in whole words: WebGPU copies no less. */
export function bytesOf(size: number, dtype: DType): number {
  return Math.ceil(size * BYTES_PER_NUMBER[dtype] / 4) * 4;
}

export function sizeOf(shape: Shape): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** Throws unless `tensor` has this shape; a null in `expected` allows any size of that axis. */
export function expectShape(
  op: string,
  name: string,
  tensor: Tensor,
  expected: readonly (number | null)[],
): void {
  const { shape } = tensor;
  if (
    shape.length === expected.length &&
    shape.every((n, i) => expected[i] === null || expected[i] === n)
  ) return;
  const wanted = expected.map((n) => n ?? "any").join(", ");
  throw new RangeError(`${op}: ${name} has shape [${shape.join(", ")}], expected [${wanted}]`);
}

/** Rows and columns of a tensor seen as a matrix: all axes but the last are rows. */
export function matrixShape(tensor: Tensor): [rows: number, columns: number] {
  const columns = tensor.shape[tensor.shape.length - 1] ?? 1;
  return [tensor.size / columns, columns];
}
