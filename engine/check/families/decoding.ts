import { lastRows } from "../../ops/decoding.ts";
import { randomIntegers } from "../numbers.ts";
import { type Family, integers, type Op } from "../op.ts";

const lastRowsOp: Op = {
  name: "lastRows",
  summary: "the last token of each row and its position",
  entries: ["last_rows"],
  letters: { B: { meaning: "rows" }, T: { meaning: "columns" } },
  typical: { B: 32, T: 68 },
  grid: [{ B: 1, T: 1 }, { B: 3, T: 7 }, { B: 65, T: 20 }, { B: 130, T: 5 }],
  tolerance: { output: 0, reason: "integers are copied" },
  problem({ B, T }) {
    const lengths = [...randomIntegers(B, T, 2)].map((n) => n + 1);
    const state = lengths.flatMap((length, b) => [length, T, b % 2, b]);
    return {
      inputs: {
        tokens: integers(randomIntegers(B * T, 1000, 1), [B, T]),
        state: integers(state, [B, 4]),
      },
      run: ({ tokens, state }) => ({ ...lastRows(tokens, state) }),
      reference: ({ tokens }) => ({
        tokens: lengths.map((length, b) => tokens[b * T + length - 1]),
        positions: lengths.map((length) => length - 1),
      }),
    };
  },
};

export const decodingFamily: Family = {
  name: "decoding",
  shaders: ["decoding"],
  ops: [lastRowsOp],
};
