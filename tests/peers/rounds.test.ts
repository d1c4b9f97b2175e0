import { expect, test } from "bun:test";
import type { Competitor } from "../../scripts/peers/competitor.ts";
import { Local } from "../../scripts/peers/local.ts";
import { checkSame, compare } from "../../scripts/peers/rounds.ts";
import { works } from "../../scripts/peers/works.ts";

const [{ work }] = works;

/** A library that only notes what is asked of it; its `run` fails the first time after `runs` runs. */
function competitor(name: string, result: number, calls: string[] = [], runs = Infinity) {
  const runner = {
    run() {
      if (runs-- <= 0) throw new Error("out of memory");
      Bun.sleepSync(2);
    },
    finish: () => Promise.resolve(void calls.push(name)),
    results: () => Promise.resolve([Float32Array.of(result, 1)]),
    release: () => void calls.push(`${name} released`),
  };
  return new Local({ name, prepare: () => Promise.resolve(runner) });
}

test("competitors take turns, and all of them are measured", async () => {
  const calls: string[] = [];
  const { measurements, leftOut } = await compare(
    [competitor("ours", 1, calls), competitor("peer", 1.0001, calls)],
    work,
  );
  expect(leftOut).toEqual([]);
  expect(measurements.map(({ engine }) => engine)).toEqual(["ours", "peer"]);
  for (const { medianMs } of measurements) expect(medianMs).toBeGreaterThan(0);
  const warmUp = 6, rounds = calls.slice(warmUp, warmUp + 4);
  expect(rounds).toEqual(["ours", "peer", "peer", "ours"]);
  expect(calls.slice(-2)).toEqual(["ours released", "peer released"]);
});

test("a peer that computes something else, or fails, is left out with its reason", async () => {
  const broken: Competitor = competitor("broken", 1);
  broken.prepare = () => Promise.reject(new Error("no kernel"));
  const calls: string[] = [];
  const { measurements, leftOut } = await compare(
    [competitor("ours", 1), competitor("wrong", 1.1, calls), broken],
    work,
  );
  expect(measurements.map(({ engine }) => engine)).toEqual(["ours"]);
  expect(leftOut[0].reason).toContain("number 0 of result 0 is 1.1");
  expect(leftOut[1]).toEqual({ work, engine: "broken", reason: "no kernel" });
  expect(calls).toEqual(["wrong released"]);
});

test("a peer that fails in a later round is left out, and the others go on", async () => {
  const warmUp = 90; // more runs than warming up takes, fewer than all rounds
  const { measurements, leftOut } = await compare(
    [competitor("ours", 1), competitor("peer", 1, [], warmUp)],
    work,
  );
  expect(measurements.map(({ engine }) => engine)).toEqual(["ours"]);
  expect(leftOut).toEqual([{ work, engine: "peer", reason: "out of memory" }]);
});

test("what a work is held against is measured in turns with it", async () => {
  const calls: string[] = [], other = { ...work };
  const beside = { competitor: competitor("other", 2, calls), work: other };
  const { measurements, leftOut } = await compare([competitor("ours", 1, calls)], work, [beside]);
  expect(leftOut).toEqual([]); // another work has another answer
  expect(measurements.map(({ engine }) => engine)).toEqual(["ours", "other"]);
  expect(measurements[0].work).toBe(work);
  expect(measurements[1].work).toBe(other);
  expect(calls.slice(6, 10)).toEqual(["ours", "other", "other", "ours"]);
});

test("a library without means for a work is not among its rows", async () => {
  const without = new Local({ name: "peer", prepare: () => Promise.resolve(null) });
  const { measurements, leftOut } = await compare([competitor("ours", 1), without], work);
  expect(measurements).toHaveLength(1);
  expect(leftOut).toEqual([]);
});

test("results must have as many numbers, and none that is no number", () => {
  const expected = [Float32Array.of(1, 2)];
  expect(() => checkSame([Float32Array.of(1)], expected)).toThrow("has 1 numbers, not 2");
  expect(() => checkSame([Float32Array.of(1, NaN)], expected)).toThrow("number 1");
  checkSame([Float32Array.of(1.001, 2)], expected); // within rounding of the largest
});
