import { resizeHeads, splitHeads } from "../../ops/heads.ts";
import { type Family, type Op, variable } from "../op.ts";

const tolerance = { output: 0, gradient: 1e-9, reason: "numbers are copied, in gradients too" };

const splitOp: Op = {
  name: "splitHeads",
  summary: "queries, keys and values from fused rows",
  entries: ["split", "merge"],
  letters: {
    N: { meaning: "rows" },
    H: { meaning: "heads" },
    D: { meaning: "numbers of a head" },
    blocks: {
      meaning: "1: three blocks (GPT-2); 0: together for each head (GPT-NeoX)",
      default: 0,
    },
  },
  typical: { N: 2176, H: 4, D: 16 },
  grid: [
    { N: 1, H: 1, D: 1 },
    { N: 3, H: 2, D: 5, blocks: 1 },
    { N: 7, H: 3, D: 16 },
    { N: 33, H: 4, D: 10, blocks: 1 },
    { N: 33, H: 4, D: 10 },
  ],
  tolerance,
  problem({ N, H, D, blocks }) {
    const part = (fused: ArrayLike<number>, p: number) =>
      Float64Array.from({ length: N * H * D }, (_, i) => {
        const d = i % D, h = Math.floor(i / D) % H, n = Math.floor(i / (H * D));
        return fused[n * 3 * H * D + (blocks ? (p * H + h) * D : (h * 3 + p) * D) + d];
      });
    return {
      inputs: { fused: variable([N, 3 * H * D], 1) },
      run({ fused }) {
        const [q, k, v] = splitHeads(fused, H, blocks ? "blocks" : "heads");
        return { q, k, v };
      },
      reference: ({ fused }) => ({ q: part(fused, 0), k: part(fused, 1), v: part(fused, 2) }),
    };
  },
  cost: ({ N, H, D }) => ({ bytes: 24 * N * H * D }),
};

const resizeOp: Op = {
  name: "resizeHeads",
  summary: "heads padded with zeros, or cropped",
  entries: ["resize"],
  letters: {
    N: { meaning: "rows" },
    H: { meaning: "heads" },
    from: { meaning: "numbers of a head before" },
    to: { meaning: "numbers of a head after" },
  },
  typical: { N: 2176, H: 4, from: 10, to: 12 },
  grid: [
    { N: 5, H: 3, from: 10, to: 12 },
    { N: 5, H: 3, from: 12, to: 10 },
    { N: 1, H: 1, from: 1, to: 4 },
    { N: 5, H: 3, from: 65, to: 68 },
    { N: 5, H: 3, from: 4, to: 4 },
  ],
  tolerance,
  problem: ({ N, H, from, to }) => ({
    inputs: { x: variable([N, H * from], 1) },
    run: ({ x }) => ({ out: resizeHeads(x, from, to) }),
    reference: ({ x }) => ({
      out: Float64Array.from(
        { length: N * H * to },
        (_, i) => i % to < from ? x[Math.floor(i / to) * from + i % to] : 0,
      ),
    }),
  }),
  cost: ({ N, H, from, to }) => ({ bytes: 4 * N * H * (from + to) }),
};

export const headsFamily: Family = {
  name: "heads",
  shaders: ["heads"],
  ops: [splitOp, resizeOp],
};
