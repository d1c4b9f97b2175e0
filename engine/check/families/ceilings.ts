import type { Engine } from "../../gpu/engine.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { constant, type Family, type Op } from "../op.ts";

/** Parameters of the multiply-add loop that keep every value finite for any number of rounds. */
const FACTOR = 0.999, TERM = 0.001;
const CHAINS = 8;

/** Each of `threads` threads takes 8 vectors through x ← factor · x + term, `rounds` times: out [threads, 4]. */
export function multiplyAdd(engine: Engine, threads: number, rounds: number): Tensor {
  const out = engine.empty([threads, 4]);
  const parameters = { count: threads, rounds, factor: FACTOR, term: TERM };
  engine.launch("ceilings", "multiply_add", { out }, parameters, engine.grid(threads));
  return out;
}

/** A copy of x [count, 4]. */
export function copyVectors(x: Tensor): Tensor {
  const { engine, shape: [count] } = x;
  const out = engine.empty(x.shape);
  engine.launch("ceilings", "copy", { x, out }, { count }, engine.grid(count));
  return out;
}

const reason = "each of the rounds rounds once, and the rounding shrinks with the value";

const multiplyAddOp: Op = {
  name: "multiplyAdd",
  summary: "a loop of fused multiply-adds: the arithmetic an adapter can do",
  entries: ["multiply_add"],
  letters: { N: { meaning: "threads" }, rounds: { meaning: "rounds of the loop" } },
  typical: { N: 2 ** 18, rounds: 64 },
  grid: [{ N: 1, rounds: 1 }, { N: 65, rounds: 40 }],
  tolerance: { output: 2e-6, reason },
  problem: ({ N, rounds }) => ({
    inputs: { engine: constant([1], 1) },
    run: ({ engine: { engine } }) => ({ out: multiplyAdd(engine, N, rounds) }),
    reference: () => ({
      out: Float64Array.from({ length: 4 * N }, (_, i) => {
        let sum = 0;
        for (let chain = 0; chain < CHAINS; chain++) {
          let value = Math.floor(i / 4) + chain;
          for (let round = 0; round < rounds; round++) value = FACTOR * value + TERM;
          sum += value;
        }
        return sum;
      }),
    }),
  }),
  cost: ({ N, rounds }) => ({ flops: N * rounds * CHAINS * 4 * 2 }),
};

const copyOp: Op = {
  name: "copyVectors",
  summary: "a copy: the memory traffic an adapter can do",
  entries: ["copy"],
  letters: { N: { meaning: "vectors of four" } },
  typical: { N: 2 ** 18 },
  grid: [{ N: 1 }, { N: 65 }, { N: 1000 }],
  tolerance: { output: 0, reason: "numbers are copied" },
  problem: ({ N }) => ({
    inputs: { x: constant([N, 4], 1) },
    run: ({ x }) => ({ out: copyVectors(x) }),
    reference: ({ x }) => ({ out: x }),
  }),
  cost: ({ N }) => ({ bytes: 32 * N }),
};

export const ceilingsFamily: Family = {
  name: "ceilings",
  shaders: ["ceilings"],
  ops: [multiplyAddOp, copyOp],
};
