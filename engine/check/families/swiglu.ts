import { swiglu } from "../../ops/swiglu.ts";
import { type Family, type Op, variable } from "../op.ts";

const swigluOp: Op = {
  name: "swiglu",
  summary: "silu(gate) · up",
  entries: ["forward", "backward"],
  letters: { N: { meaning: "rows" }, F: { meaning: "columns" } },
  typical: { N: 2176, F: 176 },
  grid: [{ N: 1, F: 1 }, { N: 3, F: 65 }, { N: 64, F: 64 }, { N: 37, F: 1000 }],
  tolerance: { output: 1e-6, gradient: 1e-6, reason: "an exponential and a division an element" },
  problem: ({ N, F }) => ({
    inputs: { gate: variable([N, F], 1, 3), up: variable([N, F], 2) },
    run: ({ gate, up }) => ({ out: swiglu(gate, up) }),
    reference: ({ gate, up }) => ({
      out: Float64Array.from(gate, (g, i) => g / (1 + Math.exp(-g)) * up[i]),
    }),
  }),
  cost: ({ N, F }) => ({ bytes: 12 * N * F }),
};

export const swigluFamily: Family = { name: "swiglu", shaders: ["swiglu"], ops: [swigluOp] };
