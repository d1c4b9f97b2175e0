import { expect, test } from "bun:test";
import { compareResponses } from "../../data/noisy-preferences.ts";

const response = (text: string, gold: number) => ({ text, gold, tokens: 5 });
const compare = (golds: number[], index: number, seed = 1) =>
  compareResponses(
    { prompt: "p", responses: golds.map((gold, i) => response(`r${i}`, gold)) },
    index,
    seed,
  );

test("every two responses of unlike gold are compared once, those of like gold never", () => {
  const pairs = compare([0.5, 0, 0.5, -0.2], 0);
  const names = pairs.map(({ winner, loser }) => [winner.text, loser.text].sort().join(" "));
  expect(names.sort()).toEqual(["r0 r1", "r0 r3", "r1 r2", "r1 r3", "r2 r3"]);
  expect(compare([0, 0, 0, 0], 3)).toEqual([]);
});

test("the better response wins as often as the Bradley–Terry model with flipped labels says", () => {
  const draws = 4000;
  for (const [a, b] of [[0.1, 0], [0, 0.1], [0.3, -0.1], [-1, 1]]) {
    const better = Math.max(a, b);
    let wins = 0;
    for (let i = 0; i < draws; i++) if (compare([a, b], i)[0].winner.gold === better) wins++;
    const model = 1 / (1 + Math.exp(-6 * Math.abs(a - b)));
    const expected = 0.95 * model + 0.05 * (1 - model);
    // Four standard errors.
    const tolerance = 4 * Math.sqrt(expected * (1 - expected) / draws);
    expect(Math.abs(wins / draws - expected)).toBeLessThan(tolerance);
  }
});

test("labels follow from prompt number and seed alone", () => {
  const winners = (seed: number) =>
    Array.from({ length: 40 }, (_, i) => compare([0.1, 0], i, seed)[0].winner.text).join();
  expect(winners(1)).toBe(winners(1));
  expect(winners(1)).not.toBe(winners(2));
});
