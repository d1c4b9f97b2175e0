import { scale } from "../../ops/elementwise.ts";
import { addInPlace } from "../../tensor/add-in-place.ts";
import { constant, type Family, type Op, variable } from "../op.ts";

const shared = {
  letters: { N: { meaning: "elements" } },
  typical: { N: 139_264 },
  grid: [{ N: 1 }, { N: 63 }, { N: 64 }, { N: 65 }, { N: 1000 }, { N: 70000 }],
  more: [{ N: 5_000_000 }], // more workgroups than one axis of the grid holds
};
const reason = "one or two roundings an element";

const addOp: Op = {
  ...shared,
  name: "addInPlace",
  summary: "total ← total + factor · x",
  entries: ["add_in_place"],
  tolerance: { output: 1e-6, reason },
  problem: ({ N }) => ({
    inputs: { total: constant([N], 1), x: constant([N], 2) },
    run({ total, x }) {
      addInPlace(total, x, 0.5);
      return { total };
    },
    reference: ({ total, x }) => ({
      total: Float64Array.from(total, (value, i) => value + 0.5 * x[i]),
    }),
  }),
  cost: ({ N }) => ({ bytes: 12 * N }),
};

const scaleOp: Op = {
  ...shared,
  name: "scale",
  summary: "factor · x",
  entries: ["scale"],
  tolerance: { output: 1e-6, gradient: 1e-6, reason },
  problem: ({ N }) => ({
    inputs: { x: variable([N], 1) },
    run: ({ x }) => ({ out: scale(x, -3) }),
    reference: ({ x }) => ({ out: Float64Array.from(x, (value) => -3 * value) }),
  }),
  cost: ({ N }) => ({ bytes: 8 * N }),
};

export const elementwiseFamily: Family = {
  name: "elementwise",
  shaders: ["elementwise"],
  ops: [scaleOp, addOp],
};
