import { expect, test } from "bun:test";
import type { Contender, Runner } from "../../scripts/peers/contender.ts";
import { checkSame, compare } from "../../scripts/peers/rounds.ts";
import { works } from "../../scripts/peers/works.ts";

/** A library that only notes what is asked of it. */
function contender(name: string, result: number, calls: string[]): Contender {
  const runner: Runner = {
    run: () => Bun.sleepSync(2),
    finish: () => Promise.resolve(void calls.push(name)),
    results: () => Promise.resolve([Float32Array.of(result, 1)]),
    release: () => void calls.push(`${name} released`),
  };
  return { name, prepare: () => Promise.resolve(runner) };
}

test("contenders take turns, and all of them are measured", async () => {
  const calls: string[] = [];
  const { measurements, remarks } = await compare(
    [contender("ours", 1, calls), contender("peer", 1.0001, calls)],
    works[0].work,
  );
  expect(remarks).toEqual([]);
  expect(measurements.map(({ engine }) => engine)).toEqual(["ours", "peer"]);
  for (const { medianMs } of measurements) expect(medianMs).toBeGreaterThan(0);
  const warmUp = 6, rounds = calls.slice(warmUp, warmUp + 4);
  expect(rounds).toEqual(["ours", "peer", "peer", "ours"]);
  expect(calls.slice(-2)).toEqual(["ours released", "peer released"]);
});

test("a peer that computes something else, or fails, is left out with a remark", async () => {
  const broken = { name: "broken", prepare: () => Promise.reject(new Error("no kernel")) };
  const { measurements, remarks } = await compare(
    [contender("ours", 1, []), contender("wrong", 1.1, []), broken],
    works[0].work,
  );
  expect(measurements.map(({ engine }) => engine)).toEqual(["ours"]);
  expect(remarks[0]).toContain("wrong is left out: number 0 of result 0 is 1.1");
  expect(remarks[1]).toBe("broken is left out: no kernel");
});

test("results must have as many numbers, and none that is no number", () => {
  const expected = [Float32Array.of(1, 2)];
  expect(() => checkSame([Float32Array.of(1)], expected)).toThrow("has 1 numbers, not 2");
  expect(() => checkSame([Float32Array.of(1, NaN)], expected)).toThrow("number 1");
  checkSame([Float32Array.of(1.001, 2)], expected); // within rounding of the largest
});
