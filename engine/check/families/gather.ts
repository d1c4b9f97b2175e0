import { placeColumns, takeColumns } from "../../ops/columns.ts";
import { gatherRows, scatterValues } from "../../ops/gather.ts";
import { distinctIntegers } from "../numbers.ts";
import { constant, type Family, integers, type Op, variable } from "../op.ts";

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

const columnsOp: Op = {
  name: "takeColumns",
  summary: "a range of columns out of a matrix, and (placeColumns) into another",
  entries: ["take_columns", "place_columns"],
  letters: {
    N: { meaning: "rows" },
    C: { meaning: "columns of the wide matrix" },
    c: { meaning: "columns of the narrow one" },
    first: { meaning: "where the narrow one lies", default: 0 },
  },
  typical: { N: 64, C: 1024, c: 512, first: 512 },
  grid: [{ N: 1, C: 1, c: 1 }, { N: 5, C: 9, c: 4, first: 3 }, { N: 33, C: 130, c: 65, first: 65 }],
  tolerance: { output: 0, reason: "numbers are copied" },
  problem: ({ N, C, c, first }) => ({
    inputs: { wide: constant([N, C], 1), other: constant([N, C], 2) },
    run({ wide, other }) {
      const narrow = wide.engine.empty([N, c]);
      takeColumns(wide, narrow, first);
      placeColumns(narrow, other, first);
      return { narrow, other };
    },
    reference({ wide, other }) {
      const narrow = new Float64Array(N * c), after = Float64Array.from(other);
      for (let i = 0; i < N * c; i++) {
        const place = Math.floor(i / c) * C + first + i % c;
        narrow[i] = after[place] = wide[place];
      }
      return { narrow, other: after };
    },
  }),
  cost: ({ N, c }) => ({ bytes: 16 * N * c }),
};

export const gatherFamily: Family = {
  name: "gather",
  shaders: ["gather"],
  ops: [gatherOp, scatterOp, columnsOp],
};
