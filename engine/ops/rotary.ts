import { expectShape, type Tensor } from "../tensor/tensor.ts";
import { expectIntegers } from "./integers.ts";

export interface RotaryOptions {
  /** Dimensions of one head. */
  headSize: number;
  /**
   * u32 [R/2]: the turn of each pair per position, made by `frequencyTable`. The first R dimensions of each
   * head turn, the rest pass.
   */
  frequencies: Tensor;
}

/** Radians per position, as the fractions of a turn that `rotary` takes: 2³² is one turn. */
export function frequencyTable(radians: readonly number[]): Uint32Array {
  return Uint32Array.from(radians, (angle) => Math.round(angle / (2 * Math.PI) * 2 ** 32));
}

/**
 * Rotary position embedding of x [N, heads · headSize] at positions u32 [N] (Su et al. 2021, "RoFormer"),
 * in the "rotate half" convention of Hugging Face: dimension i is paired with i + R/2. Angles are exact to
 * 10⁻⁵ radians up to position 8192.
 */
export function rotary(x: Tensor, positions: Tensor, options: RotaryOptions): Tensor {
  expectShape("rotary", "x", x, [null, null]);
  expectIntegers("rotary", "positions", positions, [x.shape[0]]);
  expectIntegers("rotary", "frequencies", options.frequencies, [null]);
  checkSizes(x, options);
  const out = rotate(x, positions, options, 1);
  x.engine.tape?.record("rotary", [x], out, (upstream, sink) => {
    sink.give(x, rotate(upstream, positions, options, -1));
  });
  return out;
}

function checkSizes(
  { shape: [, columns] }: Tensor,
  { headSize, frequencies }: RotaryOptions,
): void {
  if (!(headSize > 0) || columns % headSize) {
    throw new RangeError(`rotary: ${columns} columns are no whole number of heads of ${headSize}`);
  }
  const size = 2 * frequencies.size;
  if (size === 0 || size > headSize) {
    throw new RangeError(
      `rotary: ${frequencies.size} frequencies turn ${size} dimensions, expected 2 to ${headSize}`,
    );
  }
}

function rotate(
  x: Tensor,
  positions: Tensor,
  { headSize, frequencies }: RotaryOptions,
  direction: 1 | -1,
): Tensor {
  const { engine, shape: [rows, columns] } = x;
  const out = engine.empty(x.shape);
  const parameters = {
    rows,
    heads: columns / headSize,
    head_size: headSize,
    rotary_size: 2 * frequencies.size,
    direction,
  };
  const grid = engine.grid(rows * (headSize - frequencies.size));
  engine.launch("rotary", "rotate", { x, positions, frequencies, out }, parameters, grid);
  return out;
}
