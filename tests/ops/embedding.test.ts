import { expect, test } from "bun:test";
import { embedding, invertTokens } from "../../engine/ops/embedding.ts";
import { Tape } from "../../engine/tensor/tape.ts";
import { testEngine } from "../support/engine.ts";
import { checkFamily } from "../support/check.ts";

checkFamily("embedding");

test("the gradient of the table is added to what is there", async () => {
  const engine = await testEngine();
  const table = engine.zeros([3, 2]), tokens = Uint32Array.of(2, 0, 2), tape = new Tape();
  tape.watch(table, engine.tensor([1, 2, 3, 4, 5, 6], [3, 2]));
  const index = invertTokens(engine, tokens);
  const out = engine.record(tape, () => embedding(table, engine.integers(tokens), { index }));
  tape.backward(out, engine.tensor([10, 20, 30, 40, 50, 60], [3, 2]));
  expect([...await tape.gradient(table)!.read()]).toEqual([31, 42, 3, 4, 65, 86]);
});

test("invertTokens groups the rows by token, ascending within each", async () => {
  const engine = await testEngine();
  const { ids, starts, order } = invertTokens(engine, Uint32Array.of(9, 4, 9, 0, 4, 9));
  expect([...await ids.readIntegers()]).toEqual([9, 4, 0]);
  expect([...await starts.readIntegers()]).toEqual([0, 3, 5, 6]);
  expect([...await order.readIntegers()]).toEqual([0, 2, 5, 1, 4, 3]);
});

test("an id beyond the vocabulary reads the last row and adds no gradient", async () => {
  const engine = await testEngine();
  const table = engine.tensor([1, 2, 3, 4], [2, 2]), tokens = Uint32Array.of(1, 2, 4294967295, 1);
  const tape = new Tape();
  tape.watch(table);
  const index = invertTokens(engine, tokens);
  const out = engine.record(tape, () => embedding(table, engine.integers(tokens), { index }));
  expect([...await out.read()]).toEqual([3, 4, 3, 4, 3, 4, 3, 4]);
  tape.backward(out, engine.tensor([1, 10, 2, 20, 3, 30, 4, 40], [4, 2]));
  expect([...await tape.gradient(table)!.read()]).toEqual([0, 0, 5, 50]);
});

test("a frozen table needs no index, a differentiated one does, of the same length", async () => {
  const engine = await testEngine();
  const table = engine.zeros([3, 2]), tokens = engine.integers([0, 2]);
  const lookup = (tape: Tape, length?: number) => {
    const index = length === undefined ? undefined : invertTokens(engine, new Uint32Array(length));
    return engine.record(tape, () => embedding(table, tokens, { index }));
  };
  expect(lookup(new Tape()).shape).toEqual([2, 2]);
  const tape = new Tape();
  tape.watch(table);
  expect(() => lookup(tape)).toThrow("pass index: invertTokens(engine, tokens)");
  expect(() => lookup(tape, 3)).toThrow("index.order has shape [3], expected [2]");
});
