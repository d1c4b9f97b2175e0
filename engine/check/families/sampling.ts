import { sampleNext } from "../../ops/sampling.ts";
import { drawReference, MARGIN } from "../draw.ts";
import { constant, type Family, integers } from "../op.ts";
import { reducingRows } from "../reductions.ts";
import { logSoftmax, rowsOf } from "../softmax.ts";

const CAPACITY = 4; // columns of the buffer that is drawn into
const LIMIT = 9;

const sampleOp = reducingRows({
  name: "sampleNext",
  summary: "draws the next token of each row, with its log-probability",
  entries: ["sample", "sample_truncated"],
  letters: {
    B: { meaning: "rows" },
    V: { meaning: "vocabulary" },
    topK: { meaning: "keeps the k largest; 0: off", default: 0 },
    topP: { meaning: "keeps the largest that hold this share; 1: off", default: 1 },
    temperature: { meaning: "divides the logits", default: 1 },
  },
  typical: { B: 32, V: 1024 },
  grid: [
    { B: 1, V: 1 },
    { B: 3, V: 2 },
    { B: 9, V: 257, topK: 20, temperature: 0.7 },
    { B: 5, V: 1024, topP: 0.8, temperature: 1.3 },
    { B: 3, V: 50257, topK: 50, topP: 0.6 },
    { B: 3, V: 50257 },
  ],
  tolerance: {
    output: 2e-5,
    reason:
      "a log-probability is a logit less the log-sum-exp of V of them; a token nearer than 5e-6 to " +
      "the draw is not compared",
  },
  problem({ B, V, topK, topP, temperature }) {
    const options = { temperature, topK, topP, seed: 2024 };
    const state = Array.from({ length: B }, (_, b) => [b % CAPACITY, LIMIT, 0, 5 + 1_000_003 * b]);
    return {
      inputs: {
        logits: constant([B, V], 3, 3),
        begin: integers(state.flat(), [B, 4]),
        ends: integers([0xffffffff]), // no end token: an id no draw can give
      },
      run({ logits, begin, ends }) {
        const { engine } = logits;
        const tokens = engine.zeros([B, CAPACITY], "u32"), logProbs = engine.zeros([B, CAPACITY]);
        const state = engine.empty([B, 4], "u32");
        const next = engine.zeros([2, 64], "u32");
        engine.copy(begin, state); // else all rows would be done after a few draws
        sampleNext({ logits, tokens, logProbs, state, ends, next }, options);
        return { tokens, logProbs, state, next };
      },
      reference({ logits }) {
        const tokens = new Float64Array(B * CAPACITY), logProbs = new Float64Array(B * CAPACITY);
        rowsOf(Float32Array.from(logits), V).forEach((row, b) => {
          const [column, , , episode] = state[b], at = b * CAPACITY + column;
          const { id, margin } = drawReference(row, options, episode, column);
          tokens[at] = margin > MARGIN ? id : NaN;
          logProbs[at] = margin > MARGIN ? logSoftmax(row, temperature)[id] : NaN;
        });
        const after = state.map(([length, limit, , episode]) => [
          length + 1,
          limit,
          Number(length === CAPACITY - 1),
          episode,
        ]);
        const next = new Float64Array(2 * 64);
        for (const [b, [column]] of state.entries()) {
          next[b] = tokens[b * CAPACITY + column];
          next[64 + b] = column;
        }
        return { tokens, logProbs, state: after.flat(), next };
      },
    };
  },
  cost: ({ B, V }) => ({ bytes: 4 * B * V }),
});

export const samplingFamily: Family = {
  name: "sampling",
  shaders: ["sampling"],
  ops: [sampleOp],
};
