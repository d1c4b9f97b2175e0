import { truncationThreshold } from "../../ops/truncation.ts";
import { randomNumbers } from "../numbers.ts";
import { type Family } from "../op.ts";
import { reducingRows } from "../reductions.ts";
import { rowsOf } from "../softmax.ts";
import { keptIds } from "../truncation.ts";

const truncationOp = reducingRows({
  name: "truncationThreshold",
  summary: "the lowest logit that top-k and top-p keep in each row",
  entries: ["truncation"],
  letters: {
    B: { meaning: "rows; every second one has ties" },
    V: { meaning: "vocabulary" },
    topK: { meaning: "keeps the k largest; 0: off", default: 0 },
    topP: { meaning: "keeps the largest that hold this share; 1: off", default: 1 },
    temperature: { meaning: "divides the logits", default: 1 },
  },
  typical: { B: 32, V: 1024, topK: 50, topP: 0.9 },
  grid: [
    { B: 3, V: 1, topK: 1 },
    { B: 2, V: 65, topK: 5 },
    { B: 4, V: 257, topP: 0.9, temperature: 0.7 },
    { B: 3, V: 1024, topK: 40, topP: 0.5, temperature: 1.5 },
    { B: 2, V: 50257, topK: 100_000, topP: 0.999 },
  ],
  tolerance: { output: 0, reason: "a logit of the row itself, found bit by bit" },
  problem({ B, V, topK, topP, temperature }) {
    const truncation = { temperature, topK, topP };
    const data = randomNumbers(B * V, V, 3)
      .map((x, i) => Math.floor(i / V) % 2 ? Math.round(x) : x);
    return {
      inputs: { logits: { data, shape: [B, V] } },
      run: ({ logits }) => ({ threshold: truncationThreshold(logits, truncation) }),
      reference: () => ({
        threshold: rowsOf(data, V).map((row) =>
          keptIds(row, truncation).reduce((least, id) => Math.min(least, row[id]), Infinity)
        ),
      }),
    };
  },
  cost: ({ B, V }) => ({ bytes: 4 * B * V }),
});

export const truncationFamily: Family = {
  name: "truncation",
  shaders: ["truncation"],
  ops: [truncationOp],
};
