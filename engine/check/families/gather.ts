import { gatherRows, scatterValues } from "../../ops/gather.ts";
import { distinctIntegers } from "../numbers.ts";
import { type Family, integers, type Op, variable } from "../op.ts";

const shared = {
  letters: {
    N: { meaning: "rows" },
    C: { meaning: "columns" },
    G: { meaning: "rows or values that are picked" },
  },
  typical: { N: 2176, C: 64, G: 2176 },
  grid: [
    { N: 1, C: 1, G: 1 },
    { N: 9, C: 65, G: 4 },
    { N: 130, C: 7, G: 130 },
    { N: 300, C: 64, G: 101 },
  ],
  tolerance: { output: 0, gradient: 1e-9, reason: "numbers are copied, in gradients too" },
};

const gatherOp: Op = {
  ...shared,
  name: "gatherRows",
  summary: "rows of a matrix by index",
  entries: ["gather_rows", "scatter_rows"],
  problem({ N, C, G }) {
    const picked = distinctIntegers(G, N, 3);
    return {
      inputs: { x: variable([N, C], 1), rows: integers(picked) },
      run: ({ x, rows }) => ({ out: gatherRows(x, rows) }),
      reference: ({ x }) => ({
        out: Float64Array.from(
          { length: G * C },
          (_, i) => x[picked[Math.floor(i / C)] * C + i % C],
        ),
      }),
    };
  },
  cost: ({ C, G }) => ({ bytes: 8 * G * C }),
};

const scatterOp: Op = {
  ...shared,
  name: "scatterValues",
  summary: "values at places of a matrix of zeros",
  entries: ["scatter_rows", "gather_rows"],
  problem({ N, C, G }) {
    const places = distinctIntegers(G, N * C, 6);
    return {
      inputs: { values: variable([G], 1), index: integers(places) },
      run: ({ values, index }) => ({ out: scatterValues(values, index, [N, C]) }),
      reference({ values }) {
        const out = new Float64Array(N * C);
        places.forEach((place, i) => out[place] = values[i]);
        return { out };
      },
    };
  },
  cost: ({ N, C, G }) => ({ bytes: 8 * G + 4 * N * C }),
};

export const gatherFamily: Family = {
  name: "gather",
  shaders: ["gather"],
  ops: [gatherOp, scatterOp],
};
