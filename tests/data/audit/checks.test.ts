import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { countRows } from "../../../data/audit/counts.ts";
import { inspectTexts } from "../../../data/audit/damage.ts";
import { checkLabels } from "../../../data/audit/labels.ts";
import { findLeakage } from "../../../data/audit/leakage.ts";
import { isMeasured } from "../../../data/audit/measured.ts";
import { measureLengths } from "../../../data/audit/lengths.ts";
import { countStates } from "../../../data/audit/states.ts";
import { readDataset } from "../../../data/dataset.ts";
import { splitRows } from "../../../data/split.ts";
import { bytesSource } from "../../../engine/nn/bytes.ts";

const pair = (prompt: string, chosen: string, rejected: string) => ({ prompt, chosen, rejected });

test("rows that repeat, say nothing or say the same are counted", async () => {
  const rows = [
    pair("p", "a", "b"),
    pair("p", "a", "b"),
    pair("p", "A  b", " a B"),
    pair("q", "a", " "),
    pair("q", "a", "a"),
    { prompt: "q" },
  ];
  const text = rows.map((row) => JSON.stringify(row)).join("\n");
  const file = bytesSource("rows.jsonl", new TextEncoder().encode(text));
  expect(countRows(await readDataset("rows", [file], { skipBadRows: true }))).toEqual({
    records: 6,
    bad: 1,
    pairs: 4,
    references: 4,
    prompts: 2,
    duplicates: 1,
    equal: 1,
    nearlyEqual: 1,
    empty: 1,
  });
});

describe("leakage", () => {
  const fractions = { train: 0.8, validation: 0, test: 0.2 };
  const said = "This is a sentence of more than forty characters.";
  const row = (split: "train" | "test", prompt: string, ...responses: string[]) => {
    return { split, prompt, responses };
  };

  test("of a given split: prompts but for case and space, dialogues by their opening, responses", () => {
    const rows = [
      row("train", "\n\nHuman: Hi\n\nAssistant:", "a", "b"),
      row("train", `\n\nHuman: What?\n\nAssistant: ${said}\n\nHuman: So?\n\nAssistant:`, "c"),
      row("test", "\n\nHuman:  hi\n\nAssistant: Yes\n\nHuman: And?\n\nAssistant:", "d"),
      row("test", "Other", said.toUpperCase()),
      row("test", "Another", "a"),
    ];
    expect(findLeakage(rows, fractions, 1)).toEqual({
      given: true,
      train: 2,
      test: 3,
      prompts: 1,
      responses: 1,
    });
  });

  test("goes by the split of a run: one that leaves rows out is none", () => {
    const rows = Array.from({ length: 200 }, (_, i) => ({
      prompt: `Prompt ${i}`,
      responses: [`answer ${i}`],
      split: i === 0 ? null : i < 100 ? "train" as const : "test" as const,
    }));
    const parts = splitRows(rows, fractions, 1);
    expect(findLeakage(rows, fractions, 1)).toMatchObject({
      given: false,
      train: parts.train.length,
      test: parts.test.length,
    });
    expect(parts.test.length).toBeLessThan(60);
    expect(findLeakage(rows.slice(1), fractions, 1)).toMatchObject({
      given: true,
      train: 99,
      test: 100,
    });
  });

  test("of rows that a run could not split is not measured", () => {
    const rows = [{ prompt: "p", responses: ["x"], split: null }];
    expect(findLeakage(rows, fractions, 1)).toEqual({
      unmeasured: expect.stringContaining("Of 1 rows the test part got none"),
    });
  });

  test("the house's split leaks no prompt, whatever the rows", () => {
    const prompts = fc.array(fc.constantFrom(..."abcdefghijklmnop"), {
      minLength: 200,
      maxLength: 200,
    });
    fc.assert(
      fc.property(prompts, fc.integer({ min: 0, max: 5 }), (prompts, seed) => {
        const rows = prompts.map((prompt) => ({ prompt, responses: ["x"], split: null }));
        const found = findLeakage(rows, fractions, seed);
        fc.pre(isMeasured(found)); // else so few prompts that a part has none
        expect(found).toMatchObject({ prompts: 0 });
      }),
      { numRuns: 30, seed: 1 },
    );
  });
});

test("lengths: quantiles, the longer response's share without ties, and what exceeds the limits", () => {
  const row = (prompt: string, chosenLength: number, rejectedLength: number | null) => {
    return { prompt, promptLength: 2 * chosenLength, chosenLength, rejectedLength };
  };
  const rows = [row("a", 9, 5), row("b", 4, 4), row("c", 3, 8), row("d", 7, 1)];
  const found = measureLengths(rows, { prompt: 13, response: 7 }, 1);
  expect(found.responses).toEqual({ median: 4, p90: 8, longest: 9 });
  expect(found.longerWins!.mean).toBeCloseTo(2 / 3);
  expect(found.overlongResponses).toBe(2 / 8);
  expect(found.cutPrompts).toBe(2 / 4);
  const words = measureLengths([row("a", 9, null), row("b", 4, null)], null, 1);
  expect([words.unit, words.longerWins, words.overlongResponses]).toEqual(["words", null, null]);
});

describe("labels", () => {
  test("the same two answers both ways, and again the same way", () => {
    const pairs = [
      pair("p", "a", "b"),
      pair("p", "b", "a"),
      pair("p", "a", "c"),
      pair("p", "a", "c"),
    ];
    expect(checkLabels([...pairs, pair("q", "b", "a")], [])).toMatchObject({
      repeated: 2,
      contradictory: 1,
    });
  });

  test("circles among triples of the same prompt", () => {
    const circle = [pair("p", "a", "b"), pair("p", "b", "c"), pair("p", "c", "a")];
    expect(checkLabels(circle, [])).toMatchObject({ triples: 1, circular: 1 });
    expect(checkLabels([...circle, pair("p", "a", "c")], [])).toMatchObject({ triples: 0 });
    const order = [pair("p", "a", "b"), pair("p", "b", "c"), pair("p", "a", "c")];
    expect(checkLabels(order, [])).toMatchObject({ triples: 1, circular: 0 });
    const other = [pair("p", "a", "b"), pair("p", "b", "c"), pair("q", "c", "a")];
    expect(checkLabels(other, [])).toMatchObject({ triples: 0 });
  });

  test("all triples of a tournament are counted, as many circular as a count by definition finds", () => {
    const wins = fc.array(fc.boolean(), { minLength: 15, maxLength: 15 });
    fc.assert(
      fc.property(wins, (wins) => {
        const places = [0, 1, 2, 3, 4, 5].flatMap((a) =>
          [0, 1, 2, 3, 4, 5].slice(a + 1).map((b) => [a, b])
        );
        const beats = (a: number, b: number): boolean =>
          a < b ? wins[places.findIndex(([x, y]) => x === a && y === b)] : !beats(b, a);
        const pairs = places.map(([a, b]) =>
          beats(a, b) ? pair("p", `${a}`, `${b}`) : pair("p", `${b}`, `${a}`)
        );
        let circular = 0;
        for (const [a, b] of places) {
          for (let c = b + 1; c < 6; c++) {
            const scores = [beats(a, b), beats(b, c), beats(c, a)];
            if (scores.every((win) => win === scores[0])) circular++;
          }
        }
        expect(checkLabels(pairs, [])).toMatchObject({ triples: 20, circular });
      }),
      { numRuns: 50, seed: 1 },
    );
  });

  test("answers that were rated more than once", () => {
    const answers = [["a", 1], ["a", 2], ["b", 3], ["b", 3], ["c", 1]] as const;
    const rated = {
      prompt: "p",
      messages: null,
      answers: answers.map(([text, rating]) => ({ text, rating })),
    };
    expect(checkLabels([], [rated])).toMatchObject({ ratedAgain: 2, ratedDifferently: 1 });
  });
});

describe("texts", () => {
  const kinds: [string, string][] = [
    ["mojibake", "a cafÃ© there"],
    ["mojibake", "donâ€™t"],
    ["replacement characters (U+FFFD)", "a \ufffd b"],
    ["control characters", "a \u0002 b"],
    ["escaped HTML (&amp; &lt; &#39;)", "rock &amp; roll"],
    ["HTML tags", "a<br/>b"],
    ["literal control tokens", "the end<|endoftext|>"],
  ];
  for (const [kind, text] of kinds) {
    test(`${kind}: ${JSON.stringify(text)}`, () => {
      const { damage } = inspectTexts([{ prompt: "fine ", responses: [text, text, "fine"] }]);
      expect(damage.filter(({ texts }) => texts > 0).map(({ name }) => name)).toEqual([kind]);
      expect(damage.find(({ name }) => name === kind)!.texts).toBe(1);
      expect(text).toContain(damage.find(({ name }) => name === kind)!.example!);
    });
  }

  test("sound texts of several languages show none, and letters that are not Latin are counted", () => {
    const sound = ["Ça va? São Paulo, “naïve” — 5 < 6 & 7 > 2\n\t1.", "Â et Ã seuls", "x <3 y"];
    const { damage, scripts } = inspectTexts([{ prompt: "p ", responses: sound }]);
    expect(damage.filter(({ texts }) => texts > 0)).toEqual([]);
    expect(scripts).toEqual([{ script: "Latin", share: 1 }]);
    expect(inspectTexts([{ prompt: "abc", responses: ["日本", "კ 12 !"] }]).scripts).toEqual([
      { script: "Latin", share: 3 / 6 },
      { script: "Han", share: 2 / 6 },
      { script: "other", share: 1 / 6 },
    ]);
  });

  test("a word that runs into the next text", () => {
    const rows = [["p:", "a"], ["p: ", "a"], ["p:", " a"], ["p:", "\na"], ["p", "."]];
    const texts = rows.map(([prompt, response]) => ({ prompt, responses: [response] }));
    expect(inspectTexts(texts)).toMatchObject({ glued: 1, rows: 5 });
  });
});

test("reset states are different proper prefixes of a prompt's references", () => {
  const states = countStates([
    { prompt: "p", units: ["a", "b", "c"] }, // "", "a", "a b"
    { prompt: "p", units: ["a", "x"] }, // "", "a": both known
    { prompt: "p", units: ["a", "x"] },
    { prompt: "q", units: ["a,b"] }, // ""
  ], "words");
  expect(states).toEqual({ unit: "words", references: 3, prompts: 2, states: 4 });
});
