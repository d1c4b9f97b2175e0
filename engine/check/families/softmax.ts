import { softmax } from "../../ops/softmax.ts";
import { type Family, variable } from "../op.ts";
import { reducingRows } from "../reductions.ts";
import { logSoftmax, rowsOf } from "../softmax.ts";

const softmaxOp = reducingRows({
  name: "softmax",
  summary: "softmax of each row",
  entries: ["forward", "backward"],
  letters: { R: { meaning: "rows" }, V: { meaning: "columns" } },
  typical: { R: 2176, V: 1024 },
  grid: [
    { R: 1, V: 1 },
    { R: 3, V: 2 },
    { R: 5, V: 37 },
    { R: 2, V: 64 },
    { R: 7, V: 65 },
    { R: 4, V: 257 },
    { R: 2, V: 50257 },
  ],
  more: [{ R: 70000, V: 2 }],
  tolerance: {
    output: 1e-6,
    gradient: 1e-5,
    reason: "exponentials and a sum over V in f32; the gradient subtracts a mean",
  },
  problem: ({ R, V }) => ({
    inputs: { x: variable([R, V], 1, 4) },
    run: ({ x }) => ({ out: softmax(x) }),
    reference({ x }) {
      const out = new Float64Array(R * V);
      rowsOf(new Float64Array(x), V).forEach((row, r) => {
        const logP = logSoftmax(row);
        for (let j = 0; j < V; j++) out[r * V + j] = Math.exp(logP[j]);
      });
      return { out };
    },
  }),
  cost: ({ R, V }) => ({ bytes: 8 * R * V }),
});

export const softmaxFamily: Family = { name: "softmax", shaders: ["softmax"], ops: [softmaxOp] };
