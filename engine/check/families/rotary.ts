import type { Engine } from "../../gpu/engine.ts";
import { frequencyTable, rotary, type RotaryOptions } from "../../ops/rotary.ts";
import { type Family, integers, type Op, variable } from "../op.ts";

type Numbers = ArrayLike<number>;

/** How heads turn: the first `rotarySize` of `headSize` numbers, all of them where absent. */
interface Turning {
  headSize: number;
  theta: number;
  rotarySize?: number;
}

/** The options that `rotary` takes. */
export function rotaryOptions(
  engine: Engine,
  { headSize, theta, rotarySize = headSize }: Turning,
): RotaryOptions {
  const radians = Array.from({ length: rotarySize / 2 }, (_, i) => theta ** (-2 * i / rotarySize));
  return { headSize, frequencies: engine.integers(frequencyTable(radians)) };
}

/** Each pair (i, i + R/2) of a head turned by position · theta^(−2i/R). */
export function rotaryReference(
  x: Numbers,
  positions: Numbers,
  { headSize, theta, rotarySize = headSize }: Turning,
): Float64Array {
  const out = Float64Array.from(x), columns = x.length / positions.length;
  for (let row = 0; row < positions.length; row++) {
    for (let start = row * columns; start < (row + 1) * columns; start += headSize) {
      for (let i = 0; i < rotarySize / 2; i++) {
        const angle = positions[row] * theta ** (-2 * i / rotarySize);
        const a = start + i, b = a + rotarySize / 2;
        out[a] = x[a] * Math.cos(angle) - x[b] * Math.sin(angle);
        out[b] = x[b] * Math.cos(angle) + x[a] * Math.sin(angle);
      }
    }
  }
  return out;
}

const rotaryOp: Op = {
  name: "rotary",
  summary: "rotary position embedding",
  entries: ["rotate"],
  letters: {
    N: { meaning: "rows" },
    H: { meaning: "heads" },
    D: { meaning: "numbers of a head" },
    R: { meaning: "numbers of a head that turn; 0: all", default: 0 },
    theta: { meaning: "base of the frequencies", default: 10_000 },
  },
  typical: { N: 2176, H: 4, D: 16 },
  grid: [
    { N: 1, H: 1, D: 2 },
    { N: 7, H: 3, D: 10, theta: 500 },
    { N: 3, H: 2, D: 7, R: 4 },
    { N: 2, H: 2, D: 64, theta: 100_000 },
  ],
  more: [{ N: 100, H: 1, D: 128, theta: 500_000 }],
  tolerance: {
    output: 1e-6,
    gradient: 1e-6,
    reason:
      "a frequency is rounded to 2⁻³³ of a turn, which the position multiplies: 4e-7 radians at " +
      "position 500; tests/ops/rotary.test.ts goes to 4096, to within 1e-5",
  },
  problem({ N, H, D, R, theta }) {
    const options = { headSize: D, theta, ...R > 0 && { rotarySize: R } };
    return {
      inputs: {
        x: variable([N, H * D], 1),
        positions: integers(Array.from({ length: N }, (_, i) => 5 * i + 3)),
      },
      run: ({ x, positions }) => ({
        out: rotary(x, positions, rotaryOptions(x.engine, options)),
      }),
      reference: ({ x, positions }) => ({ out: rotaryReference(x, positions, options) }),
    };
  },
  cost: ({ N, H, D }) => ({ bytes: 8 * N * H * D }),
};

export const rotaryFamily: Family = { name: "rotary", shaders: ["rotary"], ops: [rotaryOp] };
