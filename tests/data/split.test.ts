import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { SplitName } from "../../data/rows.ts";
import { type Split, splitByPrompt, splitRows } from "../../data/split.ts";

const FRACTIONS = { train: 0.6, validation: 0.2, test: 0.2 };
const ROWS = Array.from({ length: 4000 }, (_, i) => ({ prompt: `prompt ${i % 2000}`, i }));

test("every row stands in one part, and no prompt in two", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const { train, validation, test } = splitByPrompt(ROWS, FRACTIONS, seed);
      const all = [...train, ...validation, ...test];
      expect(all.map(({ i }) => i).sort((a, b) => a - b)).toEqual(ROWS.map(({ i }) => i));
      const prompts = [train, validation, test].map((part) =>
        new Set(part.map(({ prompt }) => prompt))
      );
      expect(prompts.reduce((sum, set) => sum + set.size, 0)).toBe(2000);
      // 2,000 prompts: a share of .2 has a standard error of .009.
      expect(Math.abs(prompts[2].size / 2000 - 0.2)).toBeLessThan(0.045);
      expect(Math.abs(prompts[1].size / 2000 - 0.2)).toBeLessThan(0.045);
    }),
    { seed: 6, numRuns: 50 },
  );
});

test("a row's part depends on its prompt and the seed alone", () => {
  const part = (split: Split<{ prompt: string }>, prompt: string) =>
    (["train", "validation", "test"] as const).find((name) =>
      split[name].some((row) => row.prompt === prompt)
    );
  const whole = splitByPrompt(ROWS, FRACTIONS, 1);
  const some = splitByPrompt(ROWS.slice(500, 900).reverse(), FRACTIONS, 1);
  const other = splitByPrompt(ROWS, FRACTIONS, 2);
  const prompts = ROWS.slice(500, 900).map(({ prompt }) => prompt);
  expect(prompts.map((prompt) => part(some, prompt)))
    .toEqual(prompts.map((prompt) => part(whole, prompt)));
  expect(prompts.map((prompt) => part(other, prompt)))
    .not.toEqual(prompts.map((prompt) => part(whole, prompt)));
});

test("a part may be wanted empty, but not come out empty", () => {
  const whole = splitByPrompt(ROWS, { train: 1, validation: 0, test: 0 }, 1);
  expect(whole.train.length).toBe(ROWS.length);
  expect(() => splitByPrompt(ROWS.slice(0, 1), FRACTIONS, 1)).toThrow(
    /^Of 1 rows the \w+ part got none/,
  );
});

test("fractions that are none are refused", () => {
  expect(() => splitByPrompt(ROWS, { ...FRACTIONS, test: 0.3 }, 1)).toThrow("sum of 1");
  expect(() => splitByPrompt(ROWS, { train: 1.2, validation: -0.2, test: 0 }, 1)).toThrow(
    "below 0",
  );
});

test("later turns of a dialogue stand on the side of its opening", () => {
  const opening = (i: number) => `\n\nHuman: question ${i}\n\nAssistant:`;
  const rows = Array.from({ length: 60 }, (_, i) => [
    { prompt: opening(i) },
    { prompt: `${opening(i)} answer\n\nHuman: more\n\nAssistant:` },
  ]).flat();
  const split = splitByPrompt(rows, { train: 0.5, validation: 0.2, test: 0.3 }, 1);
  const sides = [split.train, split.validation, split.test];
  for (let i = 0; i < 60; i++) {
    const holding = sides.filter((side) =>
      side.some(({ prompt }) => prompt.startsWith(opening(i)))
    );
    expect(holding.length).toBe(1);
  }
});

describe("a split that the data's makers gave", () => {
  const rows = (split: SplitName | null, from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => ({ prompt: `Prompt ${from + i}`, split }));
  const fractions = { train: 0.8, validation: 0.1, test: 0.1 };
  const sizes = (split: ReturnType<typeof splitRows>) =>
    [split.train, split.validation, split.test].map(({ length }) => length);

  test("is kept, but for training rows whose prompt is held out, which are counted", () => {
    const given = [...rows("train", 0, 50), ...rows("validation", 48, 60), ...rows("test", 45, 47)];
    const split = splitRows(given, fractions, 1);
    expect(sizes(split)).toEqual([46, 12, 2]);
    expect(split.leaked).toBe(4);
  });

  test("without validation rows takes them from the training prompts", () => {
    const split = splitRows([...rows("train", 0, 300), ...rows("test", 300, 310)], fractions, 1);
    expect(split.train.length + split.validation.length).toBe(300);
    expect(split.validation.length).toBeGreaterThan(10);
    expect(split.test.every((row) => row.split === "test")).toBe(true);
  });

  test("that does not cover every row, or has nothing to test on, is no split", () => {
    for (const other of [rows(null, 300, 310), rows("validation", 300, 310)]) {
      const all = [...rows("train", 0, 300), ...other];
      expect(splitRows(all, fractions, 1)).toEqual({
        ...splitByPrompt(all, fractions, 1),
        leaked: 0,
      });
    }
  });
});
