import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadTextModel, modelChat, speaking } from "../../scripts/lib/load-model.ts";
import { encodeTask, preferenceTask } from "../../scripts/lib/task.ts";
import { testEngine } from "../support/engine.ts";

const storyteller = fileURLToPath(new URL("../../data/storyteller", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "homeport-chat-"));
afterAll(() => rmSync(folder, { recursive: true }));
const template = join(folder, "template.jinja");
writeFileSync(
  template,
  "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}" +
    "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{{ '\\n' }}{% endfor %}" +
    "{% if add_generation_prompt %}assistant: {% endif %}",
);

const user = (content: string) => [{ role: "user", content }];
const answer = (content: string) => [{ role: "assistant", content }];
const chats = Array.from({ length: 40 }, (_, i) => ({
  prompt: user(`Tell me of ${i}.`),
  chosen: answer(`A cat ${i}.`),
  rejected: answer(`A dog ${i}.`),
}));
const write = (rows: unknown[]) => {
  const path = join(folder, "chats.jsonl");
  writeFileSync(path, rows.map((row) => JSON.stringify(row) + "\n").join(""));
  return path;
};
const limits = { context: 256, maxResponse: 40 };
const options = { skipBadRows: false };

test("chat messages reach training through the template: its tokens stand for themselves, once", async () => {
  const plain = await loadTextModel(await testEngine(), storyteller);
  const chat = (await modelChat(plain, template))!;
  const text = await preferenceTask(write(chats), { ...options, chat });
  expect(text.templated).toBe(true);
  const { encoder, tokenizer, beginToken, endToken } = speaking(plain, chat);
  const { pairs } = encodeTask(text, encoder, { ...limits, beginToken, endToken });
  const { promptIds, chosenIds } = pairs.train[0];
  const [begin, end] = [plain.base.config.beginToken!, endToken];
  expect(promptIds[0]).toBe(begin);
  expect(promptIds.filter((id) => id === begin)).toHaveLength(1);
  expect(chosenIds.filter((id) => id === end)).toEqual([chosenIds.at(-1)!]);
  expect(tokenizer.decode([...promptIds, ...chosenIds])).toMatch(
    /^user: Tell me of \d+\.\nassistant: A cat \d+\.$/,
  );
});

test("a model without a template takes messages as plain turns, and text stays text", async () => {
  const plain = await loadTextModel(await testEngine(), storyteller);
  expect(await modelChat(plain)).toBeNull();
  const messages = await preferenceTask(write(chats), options);
  expect(messages.templated).toBe(false);
  expect(messages.pairs.train[0].prompt).toStartWith("\n\nHuman: Tell me of");
  const chat = (await modelChat(plain, template))!;
  const texts = chats.map((_, i) => ({ prompt: `p${i}`, chosen: " c", rejected: " r" }));
  expect((await preferenceTask(write(texts), { ...options, chat })).templated).toBe(false);
});

test("an answer of several turns and a spelt-out token are bad rows, with file and line", async () => {
  const chat = (await modelChat(await loadTextModel(await testEngine(), storyteller), template))!;
  const read = (row: unknown) => preferenceTask(write([...chats, row]), { ...options, chat });
  const turns = [...answer("A"), ...user("B"), ...answer("C")];
  await expect(read({ ...chats[0], chosen: turns })).rejects.toThrow(
    /chats.jsonl:41.*more turns follow the answer/s,
  );
  await expect(read({ ...chats[0], chosen: answer("<|endoftext|>") })).rejects.toThrow(
    /chats.jsonl:41.*special token <\|endoftext\|>/s,
  );
});
