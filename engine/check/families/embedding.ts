import { embedding, invertTokens } from "../../ops/embedding.ts";
import { randomIntegers } from "../numbers.ts";
import { type Family, half, integers, onHalf, type Op, variable } from "../op.ts";

const embeddingOp: Op = {
  name: "embedding",
  summary: "rows of a table by token id, and a residual",
  entries: ["lookup", "add_rows"],
  letters: { V: { meaning: "vocabulary" }, C: { meaning: "width" }, N: { meaning: "tokens" } },
  typical: { V: 1024, C: 64, N: 2176 },
  grid: [
    { V: 1, C: 1, N: 1 },
    { V: 7, C: 3, N: 100 },
    { V: 257, C: 65, N: 33 },
    { V: 1000, C: 64, N: 257 },
    { V: 50257, C: 4, N: 70 },
  ],
  tolerance: {
    output: 1e-7,
    gradient: 1e-6,
    reason:
      "rows are copied, and one sum is rounded; a gradient is a sum over the places of a token, in a fixed order",
  },
  problem({ V, C, N }) {
    const ids = randomIntegers(N, V, 3);
    return {
      inputs: {
        table: variable([V, C], 1),
        tokens: integers(ids),
        residual: variable([N, C], 2),
      },
      run({ table, tokens, residual }) {
        const index = invertTokens(table.engine, ids);
        return {
          out: embedding(table, tokens, { index }),
          sum: embedding(table, tokens, { index, residual }),
        };
      },
      reference({ table, residual }) {
        const out = Float64Array.from(
          { length: N * C },
          (_, i) => table[ids[Math.floor(i / C)] * C + i % C],
        );
        return { out, sum: out.map((x, i) => x + residual[i]) };
      },
    };
  },
  cost: ({ C, N }) => ({ bytes: 8 * N * C }),
};

/** The same over a table that is stored as f16, which the reference sees rounded. */
const halfOp: Op = {
  ...embeddingOp,
  name: "embedding of f16",
  summary: "the same out of a table stored as f16, as weights may be that are not trained",
  entries: ["lookup"],
  variants: [onHalf],
  problem(sizes) {
    const problem = embeddingOp.problem(sizes), { table } = problem.inputs;
    const inputs = { ...problem.inputs, table: half(table) };
    return { ...problem, inputs, differentiable: ["sum"] };
  },
  cost: ({ C, N }) => ({ bytes: 6 * N * C }),
};

export const embeddingFamily: Family = {
  name: "embedding",
  shaders: ["embedding"],
  ops: [embeddingOp, halfOp],
};
