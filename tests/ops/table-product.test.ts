import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Engine } from "../../engine/gpu/engine.ts";
import { embedding, invertTokens } from "../../engine/ops/embedding.ts";
import { linearLogProbability } from "../../engine/ops/linear-logprob.ts";
import { linear } from "../../engine/ops/matmul.ts";
import { tableLogits } from "../../engine/ops/table-product.ts";
import { rowBlocks } from "../../engine/tensor/row-blocks.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import type { Tensor } from "../../engine/tensor/tensor.ts";
import { expectClose, randomIntegers, randomNumbers } from "../support/compare.ts";
import { newEngine, testEngine } from "../support/engine.ts";

// Tables in blocks, against the same ops with a binding limit that does not matter.

const SIZES = [[5, 65, 16, 1280], [9, 65, 10, 2560], [33, 263, 48, 16_384]]; // G, V, C, limit in bytes

/** The values of what `body` returns, and the gradients of its inputs for upstream gradients from a seed. */
async function valuesAndGradients(
  engine: Engine,
  inputs: readonly [data: Float32Array, shape: number[]][],
  body: (tensors: Tensor[]) => Tensor,
): Promise<Float32Array[]> {
  const tape = new Tape();
  const tensors = inputs.map(([data, shape]) => {
    // As flat storage, which holds more than one binding.
    const tensor = engine.flat(data.length).view(shape);
    engine.write(tensor, data);
    const gradient = engine.flat(data.length).view(shape);
    tape.watch(tensor, gradient);
    return tensor;
  });
  const out = engine.record(tape, () => body(tensors));
  tape.backward(out, engine.tensor(randomNumbers(out.size, 9), out.shape));
  const results = [out, ...tensors.map((tensor) => tape.gradient(tensor)!)];
  return await Promise.all(results.map((tensor) => tensor.read()));
}

for (const [G, V, C, limit] of SIZES) {
  describe(`${V} rows of ${C} numbers at ${limit} bytes a binding`, () => {
    let whole: Engine, limited: Engine;
    beforeAll(async () => {
      whole = await testEngine();
      limited = await newEngine({ bindingLimit: limit });
    });
    afterAll(() => limited.destroy());
    const hidden: [Float32Array, number[]] = [randomNumbers(G * C, 1), [G, C]];
    const table: [Float32Array, number[]] = [randomNumbers(V * C, 2), [V, C]];

    /** The same computation on both engines. */
    const compare = async (
      inputs: [Float32Array, number[]][],
      body: (engine: Engine, tensors: Tensor[]) => Tensor,
      reference = body,
    ) => {
      const run = (engine: Engine, body: (engine: Engine, tensors: Tensor[]) => Tensor) =>
        valuesAndGradients(engine, inputs, (tensors) => body(engine, tensors));
      const [actual, expected] = [await run(limited, body), await run(whole, reference)];
      for (const [i, values] of actual.entries()) expectClose(values, expected[i], 3e-6);
    };

    test("the table has several blocks, which are all of its rows in order", () => {
      const blocks = rowBlocks(limited.flat(V * C).view([V, C]));
      expect(blocks.length).toBeGreaterThan(1);
      let next = 0;
      for (const { start, rows } of blocks) {
        expect(start).toBe(next);
        expect(rows.bytes).toBeLessThanOrEqual(limit);
        next += rows.shape[0];
      }
      expect(next).toBe(V);
    });

    test("logits are linear's", async () => {
      // Chunks of rows keep [G, V] itself below the limit.
      const few: [Float32Array, number[]] = [randomNumbers(2 * C, 1), [2, C]];
      await compare(
        [few, table],
        (_, [x, w]) => tableLogits(x, w),
        (_, [x, w]) => linear(x, w),
      );
    });

    test("logits with a second product are linear's with a residual", async () => {
      const K = C / 2;
      const few: [Float32Array, number[]] = [randomNumbers(2 * C, 1), [2, C]];
      const states: [Float32Array, number[]] = [randomNumbers(2 * K, 6), [2, K]];
      const factor: [Float32Array, number[]] = [randomNumbers(V * K, 7), [V, K]];
      await compare(
        [few, table, states, factor],
        (_, [x, w, h, b]) => tableLogits(x, w, { x: h, table: b }),
        (_, [x, w, h, b]) => linear(h, b, { residual: linear(x, w) }),
      );
    });

    test("log-probabilities", async () => {
      const targets = randomIntegers(G, V, 3);
      await compare(
        [hidden, table],
        (engine, [x, w]) =>
          linearLogProbability(x, w, engine.integers(targets), { chunkBytes: limit }).logProb,
      );
    });

    test("embedding, with a residual and an id beyond the table", async () => {
      const tokens = randomIntegers(2 * G, V, 4).with(1, V + 3).with(2, V - 1);
      const [rows, residual] = [2 * G, randomNumbers(2 * G * C, 5)];
      await compare([table, [residual, [rows, C]]], (engine, [w, residual]) => {
        const index = invertTokens(engine, tokens);
        return embedding(w, engine.integers(tokens), { index, residual });
      });
    });
  });
}

test("a second product of another shape is refused by name", async () => {
  const engine = await testEngine();
  const [x, table] = [engine.zeros([2, 4]), engine.zeros([5, 4])];
  const add = (x2: number[], table2: number[]) => () =>
    tableLogits(x, table, { x: engine.zeros(x2), table: engine.zeros(table2) });
  expect(add([3, 1], [5, 1])).toThrow("tableLogits: added.x has shape [3, 1], expected [2, any]");
  expect(add([2, 3], [4, 3])).toThrow("added.table has shape [4, 3], expected [5, 3]");
});

test("rows too wide for a binding are refused, and so is what no op takes in blocks", async () => {
  const engine = await newEngine({ bindingLimit: 1024 });
  expect(() => rowBlocks(engine.flat(300).view([3, 100]))).toThrow("16 rows of [3,100] take more");
  const x = engine.zeros([1, 32]), weight = engine.flat(12 * 32).view([12, 32]);
  expect(() => linear(x, weight)).toThrow("of shape [12,32] has 1536 bytes");
  engine.destroy();
});
