import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createChat, loadChat, type Message } from "../../engine/nn/chat.ts";
import { loadTokenizer } from "../../engine/nn/tokenizer.ts";
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
const question: Message[] = [{ role: "user", content: "Hi" }];

describe("a template decides how a conversation is written", () => {
  test("ChatML", () => {
    const chat = chatOf(CHATML);
    expect(chat.prompt([{ role: "system", content: "S" }, ...question])).toBe(
      "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
    );
    expect(chat.answer(question, "Hello")).toBe("Hello");
    expect(chat.promptIds(question).filter((token) => token === id(START))).toHaveLength(2);
    expect(chat.answerIds(question, "Hello")).toEqual([...tokenizer.encode("Hello"), id(END)]);
  });

  test("brackets with the begin and end tokens of the tokenizer", () => {
    const chat = chatOf(BRACKETS);
    expect(chat.prompt(question)).toBe("<s>[INST] Hi [/INST]");
    expect(chat.promptIds(question)[0]).toBe(id(BOS));
    expect(chat.answer(question, " Hello\n")).toBe(" Hello ");
    expect(chat.answerIds(question, "Hello").at(-1)).toBe(id(EOS));
    expect(() => chat.prompt([...question, ...question])).toThrow(
      "refuses messages by user, user: Roles must alternate",
    );
  });

  test("an answer that the template leaves open is closed by the model's first end token", () => {
    const plain = "{% for m in messages %}{{ m.content }}\n{% endfor %}";
    expect(chatOf(plain).answerIds(question, "A")).toEqual([...tokenizer.encode("A\n"), id(EOS)]);
  });
});

test("the prompt's ids are the same in training and generation, and nothing is lost", () => {
  const text = fc.string({ unit: fc.constantFrom("h", "e", " ", "\n", "é", "🎈", "<", "|") });
  for (const template of [CHATML, BRACKETS]) {
    const chat = chatOf(template);
    fc.assert(
      fc.property(text, text, text, (content, one, other) => {
        const messages = [{ role: "user", content }];
        const [prompt, first, second] = [
          chat.promptIds(messages),
          chat.answerIds(messages, one),
          chat.answerIds(messages, other),
        ];
        const whole = (answer: string) => chat.prompt(messages) + chat.answer(messages, answer);
        const plain = (t: string) =>
          SPECIALS.reduce((rest, token) => rest.replaceAll(token, ""), t);
        expect(tokenizer.decode([...prompt, ...first])).toBe(plain(whole(one)));
        expect(tokenizer.decode([...prompt, ...second])).toBe(plain(whole(other)));
        for (const ids of [first, second]) {
          const closing = ids.filter((token) => [id(EOS), id(END)].includes(token));
          expect(closing).toEqual([ids.at(-1)!]);
        }
      }),
      { seed: 3, numRuns: 200 },
    );
  }
});

test("a template whose prompt changes with the answer is refused where they part", () => {
  const changing =
    "{{ messages | length }} messages: {% for m in messages %}{{ m.content }}{% endfor %}";
  expect(() => chatOf(changing).answerIds(question, "A")).toThrow(
    '"1 messages: Hi" alone, "2 messages: HiA" with it; training and generation would differ',
  );
});

test("a message that spells a special token is refused, in prompts and answers", () => {
  const chat = chatOf(CHATML);
  expect(() => chat.promptIds([{ role: "user", content: `a${END}b` }])).toThrow(
    'The user\'s message "a<|im_end|>b" holds the text of the special token <|im_end|>',
  );
  expect(() => chat.answerIds(question, EOS)).toThrow("The assistant's message");
});

test("an answer closed by what the model does not end with is refused", () => {
  expect(() => chatOf(CHATML, [id(EOS)]).answerIds(question, "A")).toThrow(
    `writes <|im_end|> (${id(END)}) into an answer, which is none of the model's end tokens`,
  );
});

test("the clock is kept out: a template does without it, or is refused", () => {
  const optional =
    "{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% else %}2024{% endif %}";
  expect(chatOf(optional).prompt(question)).toBe("2024");
  expect(() => chatOf("{{ strftime_now('%Y') }}").prompt(question)).toThrow("today's date");
});

test("a template that is none is refused", () => {
  expect(() => chatOf("{% if %}")).toThrow("The chat template cannot be read");
});

describe("the template of a folder", () => {
  const prompt = async (files: Record<string, unknown>, template?: string) =>
    (await loadChat(folderWith(files), { tokenizer, endTokens: [id(EOS)], template })).prompt(
      question,
    );
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

  test("is missed by name", async () => {
    await expect(prompt({})).rejects.toThrow(
      "folder has no chat template, so it cannot take messages; give one by --chat-template FILE",
    );
    await expect(prompt(config([{ name: "rag", template: "" }]))).rejects.toThrow(
      "has the chat templates rag and none named default",
    );
    await expect(prompt(config(5))).rejects.toThrow("neither a text nor named texts");
  });
});
