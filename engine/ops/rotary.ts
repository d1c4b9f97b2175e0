import { expectShape, type Tensor } from "../tensor/tensor.ts";
import { expectIntegers } from "./integers.ts";

export interface RotaryOptions {
  /** Dimensions of one head. */
  headSize: number;
  /** Base of the frequencies, above 1. */
  theta: number;
  /** The first so many dimensions of each head turn, the rest pass; even. The whole head by default. */
  rotarySize?: number;
}

/**
 * Rotary position embedding of x [N, heads · headSize] at positions u32 [N] (Su et al. 2021, "RoFormer"),
 * in the "rotate half" convention of Hugging Face: dimension i is paired with i + rotarySize/2. Angles
 * are exact to 2·10⁻⁵ radians up to position 4096 where theta is 10,000 or more.
 */
export function rotary(x: Tensor, positions: Tensor, options: RotaryOptions): Tensor {
  expectShape("rotary", "x", x, [null, null]);
  expectIntegers("rotary", "positions", positions, [x.shape[0]]);
  checkOptions(x, options);
  const out = rotate(x, positions, options, 1);
  x.engine.tape?.record("rotary", [x], out, (upstream, sink) => {
    sink.give(x, rotate(upstream, positions, options, -1));
  });
  return out;
}

function checkOptions({ shape: [, columns] }: Tensor, options: RotaryOptions): void {
  const { headSize, theta, rotarySize = headSize } = options;
  if (!(headSize > 0) || columns % headSize) {
    throw new RangeError(`rotary: ${columns} columns are no whole number of heads of ${headSize}`);
  }
  if (!(rotarySize > 0) || rotarySize % 2 || rotarySize > headSize) {
    throw new RangeError(
      `rotary: rotarySize is ${rotarySize}, expected an even number from 2 to headSize ${headSize}`,
    );
  }
  if (!(theta > 1)) throw new RangeError(`rotary: theta is ${theta}, expected a number above 1`);
}

function rotate(
  x: Tensor,
  positions: Tensor,
  { headSize, theta, rotarySize = headSize }: RotaryOptions,
  direction: 1 | -1,
): Tensor {
  const { engine, shape: [rows, columns] } = x;
  const out = engine.empty(x.shape);
  const parameters = {
    rows,
    heads: columns / headSize,
    head_size: headSize,
    rotary_size: rotarySize,
    ratio: Math.min(Math.round(theta ** (-2 / rotarySize) * 2 ** 32), 2 ** 32 - 1),
    direction,
  };
  const lanes = headSize - rotarySize / 2;
  engine.launch("rotary", "rotate", { x, positions, out }, parameters, engine.grid(rows * lanes));
  return out;
}
