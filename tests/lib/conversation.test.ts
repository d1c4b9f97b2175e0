import { expect, test } from "bun:test";
import type { Chat, Message } from "../../engine/nn/chat.ts";
import { Conversation, MessageTooLong } from "../../scripts/lib/conversation.ts";
import { loadTextModel } from "../../scripts/lib/load-model.ts";
import { storyteller } from "../../scripts/lib/shared-data.ts";
import { testEngine } from "../support/engine.ts";

const sampling = { temperature: 1, topK: 0, topP: 1, responseTokens: 6, seed: 1 };

test(
  "a dialogue goes through the model's chat template, with all turns until it is forgotten",
  async () => {
    const model = await loadTextModel(await testEngine(), storyteller);
    const seen: string[][] = [];
    const promptIds = (messages: readonly Message[]) => {
      seen.push(messages.map(({ content }) => content));
      return model.tokenizer.encode(messages.at(-1)!.content);
    };
    const chat: Chat = { promptIds, prompt: String, answer: String, answerIds: () => [] };
    const talk = new Conversation({ ...model, chat }, "dialogue", sampling);
    const { text: first } = await talk.answer("One day");
    expect(first).not.toBe("");
    await talk.answer("A dog");
    talk.forget();
    await talk.answer("A cat");
    expect(seen).toEqual([["One day"], ["One day", first, "A dog"], ["A cat"]]);
  },
  30_000,
);

test("plain style has no memory; a dialogue without a template keeps to the context", async () => {
  const model = await loadTextModel(await testEngine(), storyteller);
  const again = () => new Conversation(model, "plain", { ...sampling, temperature: 0 });
  const talk = again();
  const first = await talk.answer("One day");
  await talk.answer("A dog");
  expect(await talk.answer("One day")).toEqual(first);

  const long = new Conversation(model, "dialogue", { ...sampling, responseTokens: 8 });
  for (let turn = 0; turn < 2; turn++) {
    const { promptCut } = await long.answer("One day a dog and a cat went far away. ".repeat(12));
    expect(promptCut).toBe(turn === 1);
  }
}, 30_000);

test("a message that no template makes fit is refused, and the talk can go on", async () => {
  const model = await loadTextModel(await testEngine(), storyteller);
  const promptIds = (messages: readonly Message[]) =>
    model.tokenizer.encode(messages.map(({ content }) => content).join(" "));
  const chat: Chat = { promptIds, prompt: String, answer: String, answerIds: () => [] };
  const talk = new Conversation({ ...model, chat }, "dialogue", sampling);
  await expect(talk.answer("A dog and a cat ran. ".repeat(99))).rejects.toThrow(MessageTooLong);
  expect((await talk.answer("One day")).promptCut).toBe(false);
}, 30_000);
