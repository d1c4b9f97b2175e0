import type { Storage } from "../gpu/buffers.ts";
import type { Engine } from "../gpu/engine.ts";

export type DType = "f32" | "u32";
export type Shape = readonly number[];

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
    this.bytes = this.size * 4;
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
    const offset = this.offset + start * width * 4;
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

  /** Copies the numbers to the CPU, after all work launched so far. */
  read(): Promise<Float32Array> {
    return this.engine.read(this);
  }

  /** Like `read`, for a tensor of `u32`. */
  readIntegers(): Promise<Uint32Array> {
    return this.engine.readIntegers(this);
  }
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
