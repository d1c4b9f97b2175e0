import { randomWords } from "../../ops/random.ts";
import { drawBits, type DrawPosition, uniform } from "../../ops/threefry.ts";
import type { Family, Op } from "../op.ts";

const FIRST: DrawPosition = { seed: 0xdeadbeef, purpose: 2, episode: 41, token: 0xffffff00 };

const wordsOp: Op = {
  name: "randomWords",
  summary: "random words by their place, and the uniform numbers made of them",
  entries: ["random_words"],
  letters: { N: { meaning: "draws" } },
  typical: { N: 2176 },
  grid: [{ N: 1 }, { N: 65 }, { N: 1000 }],
  tolerance: { output: 0, reason: "integers, and floats that hold 24 of their bits exactly" },
  problem({ N }) {
    const expected = Array.from(
      { length: N },
      (_, i) => drawBits({ ...FIRST, token: (FIRST.token + i) >>> 0 }),
    );
    return {
      inputs: { engine: { data: new Float32Array(1), shape: [1] } },
      run: ({ engine: { engine } }) => ({ ...randomWords(engine, FIRST, N) }),
      reference: () => ({
        words: expected.flat(),
        numbers: expected.map(([word]) => uniform(word)),
      }),
    };
  },
  cost: ({ N }) => ({ bytes: 12 * N }),
};

export const randomFamily: Family = { name: "random", shaders: ["random"], ops: [wordsOp] };
