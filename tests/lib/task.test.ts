import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { loadTokenizer } from "../../engine/nn/tokenizer.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { bundledTask, encodeTask } from "../../scripts/lib/task.ts";

const storytellerTokenizer = () =>
  loadTokenizer(openFolder(fileURLToPath(new URL("../../data/storyteller", import.meta.url))));

test("demonstrations and resets that are too long are counted", async () => {
  const own = Array.from({ length: 99 }, (_, i) => ({
    prompt: `Say ${i}.`,
    response: i % 3 === 0 ? " one two three four five six seven" : " one",
  }));
  const [test, ...train] = own;
  const text = {
    ...await bundledTask(),
    pairs: { train: [], test: [] },
    references: { train, validation: [], test: [test] },
    resets: [test],
  };
  const limits = { context: 64, beginToken: 0, endToken: 0, maxPrompt: 32, maxResponse: 6 };
  const task = encodeTask(text, { tokenizer: await storytellerTokenizer(), chat: null, limits });
  expect(task.fit).toEqual({ rows: 99, promptsCut: 0, dropped: 33 });
  expect(task.referencesDropped + task.heldOutPromptsDropped).toBe(33);
  expect([task.pairsDropped, task.resetsDropped, task.resets]).toEqual([0, 1, []]);
});

test("the bundled task fits the bundled model whole, and gold is no part of what trains", async () => {
  const text = await bundledTask();
  const tokenizer = await storytellerTokenizer();
  const limits = { context: 256, beginToken: 0, endToken: 0, maxPrompt: 32, maxResponse: 40 };
  const task = encodeTask(text, { tokenizer, chat: null, limits });
  expect(task.fit).toEqual({
    rows: text.pairs.train.length + text.pairs.test.length,
    promptsCut: 0,
    dropped: 0,
  });
  expect([task.references.length, task.validation.length, task.test.length]).toEqual([
    1200,
    300,
    200,
  ]);
  expect(Object.keys(task.pairs.train[0]).sort()).toEqual([
    "chosen",
    "chosenIds",
    "prompt",
    "promptCut",
    "promptIds",
    "rejected",
    "rejectedIds",
  ]);
  expect(task.references[0].responseIds.at(-1)).toBe(0);
});
