import { columnSums } from "../../ops/reduce.ts";
import { constant, type Family, type Op } from "../op.ts";

const columnSumsOp: Op = {
  name: "columnSums",
  summary: "total ← total + the sum of the rows of x",
  entries: ["chunk_sums", "add_columns"],
  letters: { N: { meaning: "rows" }, C: { meaning: "columns" } },
  typical: { N: 2176, C: 64 },
  grid: [
    { N: 1, C: 1 },
    { N: 3, C: 65 },
    { N: 101, C: 7 },
    { N: 64, C: 64 },
    { N: 1000, C: 130 },
  ],
  tolerance: { output: 1e-6, reason: "a sum over N in f32, in two stages of √N" },
  problem: ({ N, C }) => ({
    inputs: { x: constant([N, C], 1), total: constant([C], 2) },
    run({ x, total }) {
      columnSums(x, total);
      return { total };
    },
    reference({ x, total }) {
      const sums = Float64Array.from(total);
      for (let i = 0; i < x.length; i++) sums[i % C] += x[i];
      return { total: sums };
    },
  }),
  cost: ({ N, C }) => ({ bytes: 4 * N * C }),
};

export const reduceFamily: Family = { name: "reduce", shaders: ["reduce"], ops: [columnSumsOp] };
