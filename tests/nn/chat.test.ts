import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { renderConversation } from "../../data/chat.ts";
import { type Chat, createChat, loadChat, type Message } from "../../engine/nn/chat.ts";
import { loadTokenizer } from "../../engine/nn/tokenizer.ts";
import { emptyFitReport, fitPrompt, fitRow } from "../../engine/rl/fit.ts";
import { byteFolder } from "../support/byte-tokenizer.ts";

const [START, END, BOS, EOS] = ["<|im_start|>", "<|im_end|>", "<s>", "</s>"];
const SPECIALS = [START, END, BOS, EOS];
const folderWith = (files: Record<string, unknown>) =>
  byteFolder(SPECIALS, {
    "special_tokens_map.json": {
      bos_token: BOS,
      eos_token: { content: EOS },
      additional_special_tokens: [START, END],
    },
    ...files,
  });
const tokenizer = await loadTokenizer(folderWith({}));
const id = (token: string) => tokenizer.specialTokens.get(token)!;

/** ChatML, the form of Qwen and SmolLM. */
const CHATML = "{% for message in messages %}" +
  "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
/** Llama 2's form: begin token, questions in brackets, trimmed answers closed by the end token. */
const BRACKETS = `{{ bos_token }}{% for m in messages %}
{%- if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}
{%- if m.role == 'user' %}{{ '[INST] ' + m.content | trim + ' [/INST]' }}
{%- else %}{{ ' ' + m.content | trim + ' ' + eos_token }}{% endif %}{% endfor %}`;

const chatOf = (template: string, endTokens = [id(EOS), id(END)]) =>
  createChat({ template, tokens: { bos_token: BOS, eos_token: EOS }, tokenizer, endTokens });
const conversation = (chat: Chat, answer: string, asked = question) =>
  renderConversation(chat, asked, [{ role: "assistant", content: answer }]);
const question: Message[] = [{ role: "user", content: "Hi" }];

describe("a template decides how a conversation is written", () => {
  test("ChatML", () => {
    const chat = chatOf(CHATML);
    expect(chat.render([{ role: "system", content: "S" }, ...question], true)).toBe(
      "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
    );
    expect(chat.encode(conversation(chat, "Hello").prompt)[0]).toBe(id(START));
    expect(conversation(chat, "Hello").response).toBe("Hello");
    expect(chat.endToken()).toBe(id(END));
  });

  test("brackets with the begin and end tokens of the tokenizer", () => {
    const chat = chatOf(BRACKETS);
    expect(conversation(chat, " Hello\n")).toEqual({
      prompt: "<s>[INST] Hi [/INST]",
      response: " Hello ",
    });
    expect(chat.encode("<s>[INST]")[0]).toBe(id(BOS));
    expect(chat.endToken()).toBe(id(EOS));
    expect(() => chat.render([...question, ...question], true)).toThrow(
      "refuses messages by user, user: Roles must alternate",
    );
  });

  test("an answer that the template leaves open is closed by the model's first end token", () => {
    const chat = chatOf("{% for m in messages %}{{ m.content }}\n{% endfor %}");
    expect(conversation(chat, "A").response).toBe("A\n");
    expect(chat.endToken()).toBe(id(EOS));
  });
});

test("the prompt's ids are the same in training and generation, and nothing is lost", () => {
  const text = fc.string({ unit: fc.constantFrom("h", "e", " ", "\n", "é", "🎈", "<", "|") });
  const limits = { context: 500, maxResponse: 200, beginToken: null };
  for (const template of [CHATML, BRACKETS]) {
    const chat = chatOf(template);
    const bounds = { ...limits, endToken: chat.endToken() };
    const words = (t: string) => SPECIALS.reduce((rest, token) => rest.replaceAll(token, ""), t);
    fc.assert(
      fc.property(text, text, (content, word) => {
        const messages = [{ role: "user", content }];
        const { prompt, response } = conversation(chat, word + "!", messages);
        const { promptIds, responseIds } = fitRow(
          chat,
          prompt,
          response,
          bounds,
          emptyFitReport(),
        )!;
        expect(promptIds).toEqual(fitPrompt(chat, chat.render(messages, true), bounds)!.promptIds);
        expect(tokenizer.decode([...promptIds, ...responseIds])).toBe(words(prompt) + response);
        const ends = responseIds.filter((token) => [id(EOS), id(END)].includes(token));
        expect(ends).toEqual([responseIds.at(-1)!]);
      }),
      { seed: 3, numRuns: 200 },
    );
  }
});

test("a prompt that is too long loses its oldest turns and stays a conversation", () => {
  const messages = ["system", "user", "assistant", "user", "assistant", "user"]
    .map((role, index) => ({ role, content: `${index}` }));
  const chat = chatOf(CHATML);
  const kept = [[0, 3, 4, 5], [0, 5]].map((indices) => indices.map((index) => messages[index]));
  const expected = kept.map((some) => chat.render(some, true));
  const whole = chat.render(messages, true);
  expect(chat.shortened(whole)).toEqual(expected);
  const report = emptyFitReport();
  const fit = (room: number) => {
    const limits = { context: room + 9, maxResponse: 9, beginToken: null, endToken: id(END) };
    return fitRow(chat, whole, "A", limits, report)?.promptIds;
  };
  const [two, one] = expected.map((prompt) => chat.encode(prompt));
  expect(fit(two.length)).toEqual(two);
  expect(fit(two.length - 1)).toEqual(one);
  expect(fit(one.length - 1)).toBeUndefined();
  expect(report).toEqual({ rows: 3, promptsCut: 2, dropped: 1 });
  expect(chatOf("{{ messages | length }}").shortened(whole)).toEqual([]);
});

test("a template whose prompt changes with the answer is refused where they part", () => {
  const changing =
    "{{ messages | length }} messages: {% for m in messages %}{{ m.content }}{% endfor %}";
  expect(() => conversation(chatOf(changing), "A")).toThrow(
    '"1 messages: Hi" alone, "2 messages: HiA" with it), so training and generation would differ',
  );
});

test("a message that spells a special token is refused, in prompts and answers", () => {
  const chat = chatOf(CHATML);
  expect(() => chat.render([{ role: "user", content: `a${END}b` }], true)).toThrow(
    'the user\'s message "a<|im_end|>b" holds the text of the special token <|im_end|>',
  );
  expect(() => conversation(chat, EOS)).toThrow("the assistant's message");
});

test("an answer closed by what the model does not end with is refused", () => {
  expect(() => conversation(chatOf(CHATML, [id(EOS)]), "A")).toThrow(
    `writes <|im_end|> (${id(END)}) into an answer, which is none of the model's end tokens`,
  );
});

test("the clock is kept out: a template does without it, or is refused", () => {
  const optional =
    "{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% else %}2024{% endif %}";
  expect(chatOf(optional).render(question, true)).toBe("2024");
  expect(() => chatOf("{{ strftime_now('%Y') }}").render(question, true)).toThrow("today's date");
});

test("a template that is none is refused", () => {
  expect(() => chatOf("{% if %}")).toThrow("the chat template cannot be read");
});

describe("the template of a folder", () => {
  const prompt = async (files: Record<string, unknown>, template?: string) =>
    (await loadChat(folderWith(files), { tokenizer, endTokens: [id(EOS)], template }))
      ?.render(question, true);
  const config = (chat_template: unknown) => ({ "tokenizer_config.json": { chat_template } });

  test("stands in any of its files, or is given", async () => {
    expect(await prompt(config("{{ bos_token }}1"))).toBe("<s>1");
    expect(await prompt({ ...config("1"), "chat_template.json": { chat_template: "2" } })).toBe(
      "2",
    );
    expect(await prompt({ ...config("1"), "chat_template.jinja": "3" })).toBe("3");
    expect(await prompt(config("1"), "4")).toBe("4");
    const named = ["tool_use", "default"].map((name) => ({
      name,
      template: `${name}{{ eos_token }}`,
    }));
    expect(await prompt(config(named))).toBe("default</s>");
  });

  test("may be missing, and which one is meant must be clear", async () => {
    expect(await prompt({})).toBeUndefined();
    await expect(prompt(config([{ name: "rag", template: "" }]))).rejects.toThrow(
      "has the chat templates rag and none named default",
    );
    await expect(prompt(config(5))).rejects.toThrow("neither a text nor named texts");
  });
});
