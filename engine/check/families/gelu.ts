import { gelu } from "../../ops/gelu.ts";
import { type Family, type Op, variable } from "../op.ts";

/** The error function by its Taylor series: 100 terms are exact to 1e-13 for |z| ≤ 4. */
function erf(z: number): number {
  if (Math.abs(z) > 4) throw new RangeError(`erf(${z}) is beyond the series`);
  let term = z, sum = z;
  for (let n = 1; n < 100; n++) {
    term *= -z * z / n;
    sum += term / (2 * n + 1);
  }
  return sum * 2 / Math.sqrt(Math.PI);
}

/** x·Φ(x) in its two forms. */
export const geluReference = {
  erf: (x: number) => x * (1 + erf(x / Math.SQRT2)) / 2,
  tanh: (x: number) => x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))) / 2,
};

const geluOp: Op = {
  name: "gelu",
  summary: "x·Φ(x), with Φ by the error function or by tanh",
  entries: ["forward", "backward"],
  letters: {
    N: { meaning: "elements" },
    tanh: { meaning: "1: the approximation with tanh", default: 0 },
  },
  typical: { N: 382_976, tanh: 1 },
  grid: [1, 63, 65, 1000].flatMap((N) => [{ N, tanh: 0 }, { N, tanh: 1 }]),
  tolerance: {
    output: 3e-6,
    gradient: 3e-6,
    reason: "WGSL's exp may be off by 3 + 2|x| units of the last place",
  },
  problem({ N, tanh }) {
    const form = tanh ? "tanh" : "erf";
    return {
      inputs: { x: variable([N], 1, 1.5) },
      run: ({ x }) => ({ out: gelu(x, form) }),
      reference: ({ x }) => ({ out: Float64Array.from(x, geluReference[form]) }),
    };
  },
  cost: ({ N }) => ({ bytes: 8 * N }),
};

export const geluFamily: Family = { name: "gelu", shaders: ["gelu"], ops: [geluOp] };
