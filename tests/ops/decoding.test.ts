import { expect, test } from "bun:test";
import { lastRows } from "../../engine/ops/decoding.ts";
import { randomIntegers } from "../support/compare.ts";
import { testEngine } from "../support/engine.ts";

for (const [rows, capacity] of [[1, 1], [3, 7], [65, 20], [130, 5]]) {
  test(`the last token and its place of ${rows} rows of at most ${capacity}`, async () => {
    const engine = await testEngine();
    const tokens = randomIntegers(rows * capacity, 1000, 1);
    const lengths = [...randomIntegers(rows, capacity, 2)].map((n) => n + 1);
    const state = lengths.flatMap((length, b) => [length, capacity, b % 2, b]);
    const last = lastRows(
      engine.integers(tokens, [rows, capacity]),
      engine.integers(state, [rows, 4]),
    );
    expect([...await last.positions.readIntegers()]).toEqual(lengths.map((length) => length - 1));
    expect([...await last.tokens.readIntegers()]).toEqual(
      lengths.map((length, b) => tokens[b * capacity + length - 1]),
    );
  });
}
