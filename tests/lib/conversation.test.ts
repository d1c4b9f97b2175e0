import { expect, test } from "bun:test";
import type { Chat, Message } from "../../engine/nn/chat.ts";
import { Conversation } from "../../scripts/lib/conversation.ts";
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
    const first = await talk.answer("One day");
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
  expect(await talk.answer("One day")).toBe(first);

  const long = new Conversation(model, "dialogue", { ...sampling, responseTokens: 8 });
  for (let turn = 0; turn < 2; turn++) {
    expect(await long.answer("One day a dog and a cat went far away. ".repeat(12))).toBeString();
  }
}, 30_000);
