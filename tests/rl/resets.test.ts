import { expect, test } from "bun:test";
import fc from "fast-check";
import { drawStart } from "../../engine/rl/resets.ts";

const source = (length: number) => ({
  promptIds: [1, 2],
  referenceIds: Array.from({ length }, (_, i) => i),
});

test("a start is inside the response, short of its end token, by both laws", () => {
  fc.assert(
    fc.property(
      fc.nat(40),
      fc.nat(),
      fc.nat(1e6),
      fc.boolean(),
      (length, seed, episode, fromOne) => {
        const law = fromOne ? "from-one" : "from-zero";
        const { prefixLength } = drawStart(source(length + 1), 0, episode, { beta: 1, law, seed });
        expect(prefixLength).toBeLessThanOrEqual(length);
        if (fromOne && length > 0) expect(prefixLength).toBeGreaterThanOrEqual(1);
      },
    ),
  );
});

test("β is the share of resets and the law is uniform", () => {
  const counts = new Array(10).fill(0);
  let resets = 0;
  for (let episode = 0; episode < 20000; episode++) {
    const { prefixLength } = drawStart(source(10), 0, episode, {
      beta: 0.25,
      law: "from-one",
      seed: 5,
    });
    counts[prefixLength]++;
    if (prefixLength > 0) resets++;
  }
  expect(Math.abs(resets / 20000 - 0.25)).toBeLessThan(0.015);
  for (const count of counts.slice(1)) expect(Math.abs(count / resets - 1 / 9)).toBeLessThan(0.02);
});

test("β = 0 never resets, and a draw depends on seed and episode alone", () => {
  for (let episode = 0; episode < 100; episode++) {
    expect(drawStart(source(9), 3, episode, { beta: 0, law: "from-one", seed: 1 }).prefixLength)
      .toBe(0);
    const settings = { beta: 0.5, law: "from-zero", seed: 8 } as const;
    expect(drawStart(source(9), 3, episode, settings)).toEqual(
      drawStart(source(9), 3, episode, settings),
    );
  }
});
