import { expect, test } from "bun:test";
import fc from "fast-check";
import { emptyFitReport, fitPair, fitPrompt, fitRow } from "../../engine/rl/fit.ts";

const BEGIN = 1;
const END = 2;
/** One token per character: lengths are what they look like. */
const encode = (text: string) => [...text].map((character) => character.codePointAt(0)!);
const tokenizer = { encode, encodeContinuation: encode };
const decode = (ids: number[]) =>
  String.fromCodePoint(...ids.filter((id) => id !== BEGIN && id !== END));

const limits = (maxPrompt: number) => ({
  context: 1000,
  maxPrompt,
  maxResponse: 20,
  beginToken: BEGIN,
  endToken: END,
});
const cut = (prompt: string, maxPrompt: number) =>
  decode(fitPrompt(tokenizer, prompt, limits(maxPrompt))!.promptIds);

test("what fits is kept whole, with begin and end tokens", () => {
  const report = emptyFitReport();
  expect(fitRow(tokenizer, "ab", " c", limits(3), report)).toEqual({
    promptIds: [BEGIN, 97, 98],
    responseIds: [32, 99, END],
    promptCut: false,
  });
  expect(report).toEqual({ rows: 1, promptsCut: 0, dropped: 0 });
});

const DIALOGUE = "\n\nHuman: One. Two.\n\nAssistant: Three.\n\nHuman: Four. Five.\n\nAssistant:";

test("a prompt is cut at the earliest turn that fits", () => {
  const last = "\n\nHuman: Four. Five.\n\nAssistant:";
  const two = `\n\nAssistant: Three.${last}`;
  expect(cut(DIALOGUE, DIALOGUE.length + 1)).toBe(DIALOGUE);
  expect(cut(DIALOGUE, DIALOGUE.length)).toBe(two);
  expect(cut(DIALOGUE, two.length + 1)).toBe(two);
  expect(cut(DIALOGUE, two.length)).toBe(last);
});

test("where no turn fits, at the earliest sentence, and never down to a bare 'Assistant:'", () => {
  expect(cut(DIALOGUE, 25)).toBe("Five.\n\nAssistant:");
  expect(cut("First one. “Second!” Third?\nFourth", 16)).toBe("Third?\nFourth");
  expect(cut("First one. “Second!” Third?\nFourth", 24)).toBe("“Second!” Third?\nFourth");
});

test("where there is no boundary, between two tokens", () => {
  expect(cut("abcdefgh", 5)).toBe("efgh");
  expect(cut(DIALOGUE, 12)).toBe(DIALOGUE.slice(-11));
});

test("a response is never cut: its row is dropped and counted", () => {
  const report = emptyFitReport();
  expect(fitRow(tokenizer, "p", "x".repeat(19), limits(9), report)?.responseIds.length).toBe(20);
  expect(fitRow(tokenizer, "p", "x".repeat(20), limits(9), report)).toBeNull();
  expect(fitRow(tokenizer, "a long prompt", "x", limits(9), report)?.promptCut).toBe(true);
  expect(report).toEqual({ rows: 3, promptsCut: 1, dropped: 1 });
});

test("a pair is one row, dropped where either response does not fit", () => {
  const report = emptyFitReport();
  const pair = fitPair(tokenizer, { prompt: "p", chosen: "c", rejected: "r" }, limits(9), report);
  expect(pair).toMatchObject({
    promptIds: [BEGIN, 112],
    chosenIds: [99, END],
    rejectedIds: [114, END],
  });
  const long = "x".repeat(20);
  for (const row of [{ chosen: long, rejected: "r" }, { chosen: "c", rejected: long }]) {
    expect(fitPair(tokenizer, { prompt: "p", ...row }, limits(9), report)).toBeNull();
  }
  expect(report).toEqual({ rows: 3, promptsCut: 0, dropped: 2 });
});

test("limits that leave no room for a prompt are refused", () => {
  const none = { ...limits(9), context: 21 };
  expect(() => fitPrompt(tokenizer, "p", none)).toThrow("leave 1 tokens for the prompt");
  expect(fitPrompt(tokenizer, "pq", { ...none, beginToken: null })!.promptIds).toEqual([113]);
});

const text = fc.array(
  fc.constantFrom("\n\nHuman:", "\n\nAssistant:", " word", ". ", "!\n", "é", "\n", "🎈"),
  { maxLength: 40 },
).map((parts) => parts.join(""));

test("a fitted row keeps its limits, a suffix of the prompt and the whole response", () => {
  fc.assert(
    fc.property(
      text,
      text,
      fc.integer({ min: 2, max: 60 }),
      fc.integer({ min: 1, max: 60 }),
      fc.boolean(),
      (prompt, response, room, maxResponse, begins) => {
        const report = emptyFitReport();
        const beginToken = begins ? BEGIN : null;
        const context = room + maxResponse;
        const bounds = { context, maxResponse, beginToken, endToken: END };
        const row = fitRow(tokenizer, prompt, response, bounds, report);
        expect(report).toEqual({
          rows: 1,
          promptsCut: row?.promptCut ? 1 : 0,
          dropped: row === null ? 1 : 0,
        });
        expect(row === null).toBe(encode(response).length + 1 > maxResponse);
        if (row === null) return;
        const { promptIds, responseIds, promptCut } = row;
        expect(promptIds.length + responseIds.length).toBeLessThanOrEqual(context);
        expect(promptIds[0] === BEGIN || !begins).toBe(true);
        const kept = decode(promptIds);
        expect(prompt.endsWith(kept)).toBe(true);
        expect(kept === prompt).toBe(!promptCut);
        if (prompt !== "") expect(kept).not.toBe("");
        expect(decode(responseIds)).toBe(response);
        expect(responseIds.at(-1)).toBe(END);
        expect(promptIds).toEqual(fitPrompt(tokenizer, prompt, bounds)!.promptIds);
      },
    ),
    { seed: 7, numRuns: 1000 },
  );
});
