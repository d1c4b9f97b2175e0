import { Template } from "@huggingface/jinja";
import { z } from "zod";
import { type Folder, readJson } from "./bytes.ts";
import type { Tokenizer } from "./tokenizer.ts";

export interface Message {
  /** "system", "user", "assistant" or what else the template knows. */
  role: string;
  content: string;
}

/** How a model writes conversations: from messages to text, and from that text to token ids. */
export interface Chat {
  /** What reports call it. */
  name: string;
  /** The text of a conversation; with `opensAnswer` up to the place where the assistant's answer begins. */
  render(messages: readonly Message[], opensAnswer: boolean): string;
  /** Of the text that follows a prompt what the model answers, without what closes the turn. */
  answerText(rest: string): string;
  /** The token that closes answers. */
  endToken(): number;
  /** Ids of rendered text, in which the template's special tokens stand for themselves. */
  encode(prompt: string): number[];
  encodeContinuation(answer: string): number[];
  /** A prompt without its oldest turns, ever fewer of them; what stands before the first turn stays. */
  shortened(prompt: string): string[];
}

export interface ChatOptions {
  template: string;
  /** Texts of `bos_token`, `eos_token` and the like, for the template. */
  tokens: Readonly<Record<string, string>>;
  tokenizer: Pick<Tokenizer, "specialTokens" | "encodeTemplate" | "encodeContinuation">;
  /** Each of them ends an answer of the model; the first one closes an answer that the template leaves open. */
  endTokens: readonly number[];
}

/**
 * A chat by a Jinja template, after transformers' `apply_chat_template`. Its functions throw where the
 * template refuses the messages and where a message holds a special token's text, which would be
 * read as that token.
 */
export function createChat(options: ChatOptions): Chat {
  const { tokenizer, endTokens } = options;
  const render = renderer(options);
  const closing = (rest: string) => splitClosing(rest, tokenizer.specialTokens, endTokens);
  return {
    name: "the model's chat template",
    render,
    answerText: (rest) => closing(rest).text,
    endToken() {
      const prompt = render([QUESTION], true);
      return closing(render([QUESTION, ANSWER], false).slice(prompt.length)).end;
    },
    encode: tokenizer.encodeTemplate,
    encodeContinuation: tokenizer.encodeContinuation,
    shortened: (prompt) => withoutOldTurns(prompt, questionHeader(render)),
  };
}

// What the template writes around them shows how it marks turns.
const QUESTION: Message = { role: "user", content: "QUESTION" };
const ANSWER: Message = { role: "assistant", content: "ANSWER" };

/** What the template writes before a question that follows others, or "" where that cannot be told. */
function questionHeader(render: Chat["render"]): string {
  const first = render([QUESTION, ANSWER], false);
  const both = render([QUESTION, ANSWER, QUESTION], false);
  const rest = both.startsWith(first) ? both.slice(first.length) : "";
  return rest.slice(0, Math.max(0, rest.indexOf(QUESTION.content)));
}

function withoutOldTurns(prompt: string, header: string): string[] {
  if (header === "") return [];
  const [first, ...others] = prompt.split(header);
  return others.slice(1).map((_, turn) =>
    first + others.slice(turn + 1).map((rest) => header + rest).join("")
  );
}

/** Today's date would make two runs differ: templates that can do without the clock do. */
const NO_CLOCK = "{%- set strftime_now = undefined -%}";

function renderer({ template, tokens, tokenizer }: ChatOptions) {
  let parsed: Template;
  try {
    parsed = new Template(NO_CLOCK + template);
  } catch (error) {
    throw new Error(`the chat template cannot be read: ${(error as Error).message}`);
  }
  const special = [...tokenizer.specialTokens.keys()];
  return (messages: readonly Message[], opensAnswer: boolean): string => {
    for (const { role, content } of messages) {
      const found = special.find((token) => content.includes(token));
      if (found === undefined) continue;
      throw new Error(
        `the ${role}'s message ${
          JSON.stringify(content.slice(0, 60))
        } holds the text of the special ` +
          `token ${found}, which the model would read as the token; change it or leave the row out`,
      );
    }
    try {
      return parsed.render({ ...tokens, messages, add_generation_prompt: opensAnswer });
    } catch (error) {
      const clock = template.includes("strftime_now") &&
        "; it asks for today's date (strftime_now), so give a copy with a date in it by --chat-template FILE";
      const roles = messages.map(({ role }) => role).join(", ");
      throw new Error(
        `the chat template refuses messages by ${roles}: ${(error as Error).message}${clock || ""}`,
      );
    }
  };
}

/** Cuts what follows the prompt at the token that ends the answer; what comes after it is not the model's. */
function splitClosing(
  rest: string,
  specialTokens: ReadonlyMap<string, number>,
  endTokens: readonly number[],
): { text: string; end: number } {
  const first = firstSpecial(rest, specialTokens);
  if (!first) return { text: rest, end: endTokens[0] };
  if (!endTokens.includes(first.id)) {
    throw new Error(
      `the chat template writes ${first.token} (${first.id}) into an answer, which is none of the ` +
        `model's end tokens (${
          endTokens.join(", ")
        }); if it closes answers, add it to eos_token_id ` +
        "in generation_config.json",
    );
  }
  const next = firstSpecial(rest.slice(first.index + first.token.length), specialTokens);
  if (next) {
    throw new Error(
      `more turns follow the answer (${next.token} after ${first.token}), and a model is trained on ` +
        "one answer; give conversations that are the same up to their last message",
    );
  }
  return { text: rest.slice(0, first.index), end: first.id };
}

function firstSpecial(text: string, specialTokens: ReadonlyMap<string, number>) {
  return [...specialTokens].map(([token, id]) => ({ token, id, index: text.indexOf(token) }))
    .filter(({ index }) => index >= 0)
    .sort((a, b) => a.index - b.index || b.token.length - a.token.length).at(0);
}

const tokenText = z.union([
  z.string(),
  z.looseObject({ content: z.string() }).transform(({ content }) => content),
]);
const templateSchema = z.union([
  z.string(),
  z.array(z.object({ name: z.string(), template: z.string() })),
]);
const CONFIG = "tokenizer_config.json";
const TOKENS = ["bos_token", "eos_token", "unk_token", "pad_token"];

/**
 * The chat of a model folder: by `template` where it is given, else by its `chat_template.jinja`,
 * `chat_template.json` or the `chat_template` of tokenizer_config.json (of a list, the one named
 * "default"). Null where there is none.
 */
export async function loadChat(
  folder: Folder,
  { template, ...model }: Pick<ChatOptions, "tokenizer" | "endTokens"> & { template?: string },
): Promise<Chat | null> {
  const files = await folder.list();
  const read = async (file: string) =>
    z.looseObject({}).parse(files.includes(file) ? await readJson(folder, file) : {});
  const config = await read(CONFIG);
  const map = { ...await read("special_tokens_map.json"), ...config };
  const tokens = Object.fromEntries(TOKENS.flatMap((name) => {
    const text = tokenText.safeParse(map[name]);
    return text.success ? [[name, text.data]] : [];
  }));
  const own = template ??
    (files.includes("chat_template.jinja")
      ? await folder.text("chat_template.jinja")
      : pickTemplate(folder.name, { ...config, ...await read("chat_template.json") }));
  return own === null ? null : createChat({ ...model, template: own, tokens });
}

function pickTemplate(name: string, { chat_template }: Record<string, unknown>): string | null {
  if (chat_template == null) return null;
  const found = templateSchema.safeParse(chat_template);
  if (!found.success) throw new Error(`${name}: chat_template is neither a text nor named texts`);
  if (typeof found.data === "string") return found.data;
  const chosen = found.data.find((one) => one.name === "default");
  if (chosen) return chosen.template;
  throw new Error(
    `${name} has the chat templates ${
      found.data.map((one) => one.name).join(", ")
    } and none named ` +
      "default; save the one that is meant in a file and give it by --chat-template FILE",
  );
}
