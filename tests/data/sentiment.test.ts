import { expect, test } from "bun:test";
import fc from "fast-check";
import vader from "vader-sentiment";
import { goldScore, sentenceEnds } from "../../data/sentiment.ts";

const compound = (text: string) => vader.SentimentIntensityAnalyzer.polarity_scores(text).compound;

test("a sentence ends with its marks and quotes, not where the text goes on in lower case", () => {
  const sentences = (text: string) => {
    const ends = sentenceEnds(text);
    return ends.map((end, i) => text.slice(ends[i - 1] ?? 0, end));
  };
  expect(sentences(' She ran... "Stop!" said Tom. He')).toEqual([
    " She ran...",
    ' "Stop!" said Tom.',
  ]);
  expect(sentences('\nTom said, "I am sad. Are you?"\nYes.')).toEqual([
    '\nTom said, "I am sad.',
    ' Are you?"',
    "\nYes.",
  ]);
  expect(sentences("no end at all")).toEqual([]);
});

test("gold is the mean compound of the sentences, with what follows the last end as one more", () => {
  const happy = "She was very happy!", sad = "He was sad.", open = "Then they laughed";
  expect(compound(happy)).toBeGreaterThan(0.5);
  expect(compound(sad)).toBeLessThan(-0.3);
  expect(goldScore(` ${happy}`)).toBe(compound(happy));
  const mean = (compound(happy) + compound(sad) + compound(open)) / 3;
  expect(goldScore(` ${happy}\n${sad} ${open}`)).toBeCloseTo(mean, 4);
});

test("no text has gold 0, and any text a finite one", () => {
  expect(goldScore("")).toBe(0);
  expect(goldScore(" \n")).toBe(0);
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(Math.abs(goldScore(text))).toBeLessThanOrEqual(1);
    }),
    { seed: 11, numRuns: 300 },
  );
});
