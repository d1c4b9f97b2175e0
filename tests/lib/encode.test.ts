import { expect, test } from "bun:test";
import { loadChat } from "../../engine/nn/chat.ts";
import { loadTokenizer } from "../../engine/nn/tokenizer.ts";
import { emptyFitReport } from "../../engine/rl/fit.ts";
import { encodePair, encodeReference } from "../../scripts/lib/encode.ts";
import { byteFolder, FIRST_SPECIAL } from "../support/byte-tokenizer.ts";

const [OPEN, CLOSE] = [FIRST_SPECIAL, FIRST_SPECIAL + 1];
const template = "{% for m in messages %}<o>{{ m.role }}:{{ m.content }}<c>{% endfor %}" +
  "{% if add_generation_prompt %}<o>assistant:{% endif %}";
const SPECIALS = ["<o>", "<c>"];
const folder = byteFolder(SPECIALS, {
  "tokenizer_config.json": { chat_template: template },
  "special_tokens_map.json": { additional_special_tokens: SPECIALS },
});
const tokenizer = await loadTokenizer(folder);
const chat = await loadChat(folder, { tokenizer, endTokens: [CLOSE] });
const limits = { context: 200, maxResponse: 20, beginToken: null, endToken: CLOSE };
const encoder = { tokenizer, chat, limits };

const messages = [{ role: "user", content: "Hi" }];
const text = { prompt: "\n\nHuman: Hi\n\nAssistant:", id: "x:1" };
const written = tokenizer.encodeTemplate("<o>user:Hi<c><o>assistant:");
const answer = (content: string) => [...tokenizer.encode(content), CLOSE];

test("chat messages go through the template, with its control tokens and no leading space", () => {
  const pair = { ...text, messages, chosen: " yes", rejected: " no" };
  const found = encodePair(encoder, pair, emptyFitReport());
  expect(found?.promptIds).toEqual(written);
  expect(written.filter((id) => id === OPEN).length).toBe(2);
  expect([found?.chosenIds, found?.rejectedIds]).toEqual([answer("yes"), answer("no")]);
  const reference = { ...text, messages, response: " yes" };
  expect(encodeReference(encoder, reference, emptyFitReport())).toMatchObject({
    promptIds: written,
    responseIds: answer("yes"),
  });
});

test("plain text, and any text without a template, is encoded as it stands", () => {
  const reference = { ...text, response: " yes" };
  const plain = { promptIds: tokenizer.encode(text.prompt), responseIds: answer(" yes") };
  expect(encodeReference(encoder, { ...reference, messages: null }, emptyFitReport()))
    .toMatchObject(plain);
  expect(encodeReference({ ...encoder, chat: null }, { ...reference, messages }, emptyFitReport()))
    .toMatchObject(plain);
});

test("what does not fit is counted, and what the template refuses is named by its row", () => {
  const report = emptyFitReport();
  const long = { ...text, messages, response: " " + "long".repeat(9) };
  expect(encodeReference(encoder, long, report)).toBeNull();
  expect(report).toEqual({ rows: 1, promptsCut: 0, dropped: 1 });
  const foul = { ...text, messages: [{ role: "user", content: "a <c> b" }], response: " x" };
  expect(() => encodeReference(encoder, foul, report)).toThrow("x:1: The user's message");
});
