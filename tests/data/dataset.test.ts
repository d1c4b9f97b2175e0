import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { answerContent } from "../../data/chat.ts";
import { type DatasetOptions, readDataset } from "../../data/dataset.ts";
import { describeDataset } from "../../data/describe.ts";
import { parseColumns } from "../../data/forms/recognise.ts";
import { readRows } from "../../data/rows.ts";
import { bytesSource } from "../../engine/nn/bytes.ts";
import { loadDataset } from "../../scripts/lib/data.ts";
import { shared } from "../support/shared.ts";

const PATH = "somewhere/rows.jsonl";

function source(rows: readonly unknown[], name = PATH) {
  const lines = rows.map((row) => typeof row === "string" ? row : JSON.stringify(row));
  return bytesSource(name, new TextEncoder().encode(lines.join("\n") + "\n"));
}

const read = (rows: readonly unknown[], options: DatasetOptions = {}) =>
  readDataset("rows", [source(rows)], options);

/** Prompt, chosen and rejected of every pair. */
async function pairsOf(rows: readonly unknown[], options?: DatasetOptions) {
  const { pairs, form } = await read(rows, options);
  return { form: form.name, pairs: pairs.map((row) => [row.prompt, row.chosen, row.rejected]) };
}

async function referencesOf(rows: readonly unknown[], options?: DatasetOptions) {
  const { references, form } = await read(rows, options);
  return { form: form.name, references: references.map((row) => [row.prompt, row.response]) };
}

const GOOD = { prompt: "p", chosen: "c", rejected: "r" };

test("rows of prompt, chosen and rejected, with further fields kept", async () => {
  const { pairs, references, bad, records } = await read([{ ...GOOD, gold: [0.5, -1] }, "", GOOD]);
  const origins = [
    { id: `${PATH}:1`, split: null, extra: { gold: [0.5, -1] } },
    { id: `${PATH}:3`, split: null, extra: {} },
  ];
  const messages = null;
  expect(pairs).toEqual(origins.map((origin) => ({ ...GOOD, messages, ...origin })));
  expect(references).toEqual(
    origins.map((origin) => ({ prompt: "p", messages, response: "c", ...origin })),
  );
  expect([bad, records]).toEqual([[], 2]);
});

test("HH's form: the prompt is the shared dialogue", async () => {
  const turns = "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Name a fruit\n\nAssistant:";
  const { form, pairs } = await pairsOf([
    { chosen: `${turns} An apple`, rejected: `${turns} An ant` },
    { chosen: `${turns} A fig`, rejected: `${turns} A fig\n\nHuman: Why?\n\nAssistant: So` },
  ]);
  expect(form).toBe("preference pairs with implicit prompt");
  expect(pairs).toEqual([
    [turns, " An apple", " An ant"],
    [turns, " A fig", " A fig\n\nHuman: Why?\n\nAssistant: So"],
  ]);
});

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });

test("ratings that make no pair are shown too", async () => {
  const text = describeDataset(await read([{ prompt: "q", response: "a", rating: 3 }]));
  expect(text).toContain("1 rows, 0 pairs, 0 references");
  expect(text).toContain('prompt: "q"\n  response: "a"\n  rating: "3"');
});

describe("chat messages", () => {
  const prompt = "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: A fruit?\n\nAssistant:";
  const asked = [user("Hi"), assistant("Hello"), user("A fruit?")];
  const expected = [[prompt, " A fig", " An ant"]];

  test("as prompt and answers", async () => {
    const row = { prompt: asked, chosen: [assistant("A fig")], rejected: [assistant("An ant")] };
    expect((await pairsOf([row])).pairs).toEqual(expected);
    const texts = { prompt: asked, chosen: "A fig", rejected: "An ant" };
    expect((await pairsOf([texts])).pairs).toEqual(expected);
  });

  test("as whole conversations, with or without the prompt apart", async () => {
    const row = {
      chosen: [...asked, assistant("A fig")],
      rejected: [...asked, assistant("An ant")],
    };
    expect((await pairsOf([row])).pairs).toEqual(expected);
    expect((await pairsOf([{ prompt: "A fruit?", ...row }])).pairs).toEqual(expected);
  });

  test("conversations that part early have answers of several turns", async () => {
    const [chosen, rejected] = ["Yes", "No"].map((word) => [
      user("Hi"),
      assistant(word),
      user("So?"),
      assistant("Bye"),
    ]);
    expect((await pairsOf([{ chosen, rejected }])).pairs).toEqual([[
      "\n\nHuman: Hi\n\nAssistant:",
      " Yes\n\nHuman: So?\n\nAssistant: Bye",
      " No\n\nHuman: So?\n\nAssistant: Bye",
    ]]);
  });

  test("their messages are kept for a chat template, which writes one answer", async () => {
    const row = { prompt: asked, chosen: "A fig", rejected: "An ant" };
    const data = await read([row], { chatTemplate: true });
    expect(data.pairs[0].messages).toEqual(asked);
    expect(data.references[0].messages).toEqual(asked);
    expect(answerContent(data.pairs[0].chosen)).toBe("A fig");
    expect(describeDataset(data)).toContain("by the model's chat template");
    const long = { ...row, chosen: [assistant("A"), user("?"), assistant("B")] };
    await expect(read([long], { chatTemplate: true })).rejects.toThrow("has 3 messages");
    expect((await read([long])).pairs[0].chosen).toBe(" A\n\nHuman: ?\n\nAssistant: B");
  });

  test("what became of them is said, and nothing where there are none", async () => {
    expect(describeDataset(await read([{ prompt: asked, completion: "A" }]))).toContain(
      "written as plain turns",
    );
    expect((await read([GOOD], { chatTemplate: true })).chat).toBe("none");
  });

  test("an answer that the assistant does not give, and an unknown role, are bad", async () => {
    const row = { prompt: [user("Hi")], chosen: [assistant("A")], rejected: [user("B")] };
    await expect(read([row])).rejects.toThrow("message of the assistant");
    const tool = { ...row, prompt: [{ role: "tool", content: "1" }], rejected: "B" };
    await expect(read([tool])).rejects.toThrow('role "tool" is none of');
  });
});

test("OpenAI's comparisons of summaries, with the data's own split", async () => {
  const info = { subreddit: "tea", title: "Cups", post: "I like cups.", id: "t3" };
  const summaries = [{ text: " Tea.", policy: "a" }, { text: " Likes cups.", policy: "b" }];
  const rows = [
    { info, summaries, choice: 1, split: "train" },
    { info: { article: "News." }, summaries, choice: 0, split: "valid1" },
  ];
  const { form, pairs } = await read(rows);
  expect(form.name).toBe("summary comparisons");
  expect(pairs.map(({ prompt, chosen, split }) => [prompt, chosen, split])).toEqual([
    ["SUBREDDIT: r/tea\n\nTITLE: Cups\n\nPOST: I like cups.\n\nTL;DR:", " Likes cups.", "train"],
    ["Article: News.\n\nTL;DR:", " Tea.", "validation"],
  ]);
});

test("demonstrations: label, completion, response, messages and posts", async () => {
  const form = "demonstrations", references = [["p", "a"]];
  for (const name of ["label", "completion", "response"]) {
    expect(await referencesOf([{ prompt: "p", [name]: "a" }])).toEqual({ form, references });
  }
  const chat = { prompt: [user("Hi")], completion: [assistant("A")] };
  expect((await referencesOf([chat])).references).toEqual([[
    "\n\nHuman: Hi\n\nAssistant:",
    " A",
  ]]);
  const post = { subreddit: "tea", title: "T", post: "P", summary: "S" };
  expect((await referencesOf([post])).references[0][1]).toBe(" S");
});

test("ranked lists: best first, by ranks, by ratings; the best is the reference", async () => {
  const base = { prompt: "p", responses: ["a", "b", "c"] };
  const expectPairs = async (row: unknown, ...pairs: string[]) => {
    const data = await read([row]);
    expect(data.form.name).toBe("ranked lists");
    expect(data.pairs.map(({ chosen, rejected }) => chosen + rejected).sort()).toEqual(pairs);
    return data.references.map(({ response }) => response);
  };
  expect(await expectPairs(base, "ab", "ac", "bc")).toEqual(["a"]);
  expect(await expectPairs({ ...base, ranks: [3, 1, 3] }, "ba", "bc")).toEqual(["b"]);
  expect(await expectPairs({ ...base, ratings: [0, "1.5", 1] }, "ba", "bc", "ca")).toEqual(["b"]);
  await expect(read([{ ...base, ranks: [1, 2] }])).rejects.toThrow("3 responses, but 2 ranks");
});

test("rated answers: rows of a prompt make pairs, ties and single answers none", async () => {
  const row = (prompt: string, response: string, rating: unknown) => ({ prompt, response, rating });
  const rows = [row("p", "a", 1), row("q", "x", 5), row("p", "b", "3"), row("p", "c", 1)];
  const { form, pairs, references, rated } = await read(rows);
  expect(form.name).toBe("rated answers");
  expect(pairs.map(({ chosen, rejected, extra }) => [chosen + rejected, extra]).sort()).toEqual([
    ["ba", { margin: 2 }],
    ["bc", { margin: 2 }],
  ]);
  expect(references.map(({ prompt, response }) => [prompt, response])).toEqual([["p", "b"]]);
  expect(rated.map(({ answers }) => answers.length)).toEqual([3, 1]);
});

test("a label true or false is a rating, in CSV too; it never makes a bad answer a reference", async () => {
  const unpaired = [
    { prompt: "p", completion: "good", label: true },
    { prompt: "p", completion: "bad", label: false },
  ];
  expect((await pairsOf(unpaired)).pairs).toEqual([["p", "good", "bad"]]);
  const csv = "prompt,completion,label\np,bad,False\np,good,True\n";
  const { pairs } = await readDataset("csv", [source([csv], "rows.csv")]);
  expect(pairs.map(({ chosen }) => chosen)).toEqual(["good"]);
});

test("columns of other names, also inside lists", async () => {
  const columns = parseColumns("prompt=question, chosen=good,rejected=worse");
  const rows = [{ question: "p", good: "c", worse: "r", chosen: 5 }];
  expect((await pairsOf(rows, { columns })).pairs).toEqual([["p", "c", "r"]]);
  const nested = [{ article: "p", systems: [{ out: "a", score: 1 }, { out: "b", score: 2 }] }];
  const paths = parseColumns("prompt=article,responses=systems.out,ratings=systems.score");
  expect((await pairsOf(nested, { columns: paths })).pairs).toEqual([["p", "b", "a"]]);
  const misspelt = parseColumns("prompt=question,response=good,rating=star");
  await expect(read([{ ...rows[0], stars: 1 }], { columns: misspelt })).rejects
    .toThrow('no column "star", which --columns rating=star names. Columns found: question, good');
  await expect(read(nested, { columns: parseColumns("responses=systems.text") })).rejects
    .toThrow('no column "systems.text"');
  expect(() => parseColumns("promt=question")).toThrow('"promt" is none of');
  expect(() => parseColumns("prompt")).toThrow("not of the form");
});

test("an unknown form is refused with the columns found, the forms known and the flag", async () => {
  const error = read([{ question: "p", good: "c" }]);
  await expect(error).rejects.toThrow("Columns found: question, good.");
  await expect(error).rejects.toThrow("preference pairs: prompt, chosen, rejected");
  await expect(error).rejects.toThrow("--columns prompt=question");
});

describe("a bad row", () => {
  const cases: [string, unknown, string][] = [
    ["no JSON", "{'prompt': 1}", "not JSON"],
    ["no object", [GOOD], "expected object"],
    ["a missing field", { prompt: "p", chosen: "c" }, '"rejected": expected text'],
    ["a field of another type", { ...GOOD, chosen: [{ role: "user" }] }, '"chosen": '],
    ["an empty field", { ...GOOD, prompt: "" }, '"prompt": is empty'],
  ];
  for (const [name, row, reason] of cases) {
    test(name, () => expectBad(GOOD, row, reason));
  }
  const dialogue = (text: string) => ({ chosen: `${text} b`, rejected: `${text} c` });
  const HH = dialogue("\n\nHuman: a\n\nAssistant:");
  test("no shared dialogue", () => expectBad(HH, dialogue("\n\nHuman: a"), 'no "prompt"'));
  test("no answer", () => {
    const row = { ...HH, chosen: "\n\nHuman: a\n\nAssistant:" };
    return expectBad(HH, row, '"chosen": has no answer');
  });

  async function expectBad(good: unknown, row: unknown, reason: string) {
    const rows = [good, row, good];
    await expect(read(rows)).rejects.toThrow(`${PATH}:2: bad row: `);
    await expect(read(rows)).rejects.toThrow(reason);
    const { pairs, bad } = await read(rows, { skipBadRows: true });
    expect(pairs.map(({ id }) => id)).toEqual([`${PATH}:1`, `${PATH}:3`]);
    expect(bad).toEqual([{ id: `${PATH}:2`, reason: expect.stringContaining(reason) }]);
  }
});

test("equal responses carry no preference: left out and listed apart from bad rows", async () => {
  const { pairs, references, equal, bad } = await read([{ ...GOOD, chosen: "r" }, GOOD]);
  expect([pairs.length, references.length, bad]).toEqual([1, 1, []]);
  expect(equal).toEqual([{ id: `${PATH}:1`, reason: expect.stringContaining("equals") }]);
});

test("a file without a usable row is refused", async () => {
  await expect(read([])).rejects.toThrow("it is empty");
  await expect(read(["x", "y"], { skipBadRows: true })).rejects.toThrow("all 2 were skipped");
});

test("several files are one dataset, each with the split that its name says", async () => {
  const files = ["data/train-00000-of-00002.jsonl", "data/validation.jsonl", "contest.jsonl"];
  const { pairs } = await readDataset("rows", files.map((name) => source([GOOD], name)));
  expect(pairs.map(({ split }) => split)).toEqual(["train", "validation", null]);
});

test("rows of any schema", async () => {
  const schema = z.object({ prompt: z.string(), response: z.string() });
  const reference = { prompt: "p", response: "r" };
  const file = source([reference, { prompt: "p" }]);
  await expect(readRows(file, schema)).rejects.toThrow(`${PATH}:2: bad row: "response": `);
  const { rows, skipped } = await readRows(file, schema, { skipBadRows: true });
  expect(rows).toEqual([reference]);
  expect(skipped.length).toBe(1);
});

test("the description shows form, counts, what was left out and one example", async () => {
  const text = describeDataset(await read([{ ...GOOD, chosen: "r" }, GOOD]));
  expect(text).toContain("preference pairs (prompt, chosen, rejected)");
  expect(text).toContain("2 rows, 1 pairs, 1 references");
  expect(text).toContain("both responses are equal: 1");
  expect(text).toContain('chosen: "c"');
});

const helpful = shared("data/hh-rlhf/helpful-base/test.jsonl.gz");
test.skipIf(helpful === null)("the real helpful-base pairs are read whole", async () => {
  const { pairs, equal } = await loadDataset(helpful!);
  expect(equal.map(({ id }) => id.split(":").at(-1))).toEqual(["722", "2169"]);
  expect(pairs.length).toBe(2354 - 2);
  for (const { prompt, chosen, rejected } of pairs) {
    expect(prompt.startsWith("\n\nHuman:") && prompt.endsWith("\n\nAssistant:")).toBe(true);
    expect(chosen).not.toBe(rejected);
    expect(chosen[0] + rejected[0]).toBe("  ");
  }
});
