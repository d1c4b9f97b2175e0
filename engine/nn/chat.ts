import { Template } from "@huggingface/jinja";
import { z } from "zod";
import { type Folder, readJson } from "./bytes.ts";
import type { Tokenizer } from "./tokenizer.ts";

export interface Message {
  /** "system", "user", "assistant" or what else the template knows. */
  role: string;
  content: string;
}

/** How a model writes conversations: from messages to text and token ids. */
export interface Chat {
  /** The conversation as text up to where the assistant's answer begins. */
  prompt(messages: readonly Message[]): string;
  /** The answer as text, as the template writes it after the prompt, without the token that closes it. */
  answer(messages: readonly Message[], answer: string): string;
  /** Ids of `prompt`: the same whether an answer follows in training or is yet to be generated. */
  promptIds(messages: readonly Message[]): number[];
  /** Ids of `answer` with the end token that closes it. */
  answerIds(messages: readonly Message[], answer: string): number[];
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
 * template refuses the messages, where the prompt is not how prompt and answer together begin, and
 * where a message holds a special token's text, which would be read as that token.
 */
export function createChat(options: ChatOptions): Chat {
  const { tokenizer, endTokens } = options;
  const render = renderer(options);
  const prompt = (messages: readonly Message[]) => render(messages, true);
  const answerParts = (messages: readonly Message[], answer: string) => {
    const opening = prompt(messages);
    const whole = render([...messages, { role: "assistant", content: answer }], false);
    if (!whole.startsWith(opening)) throw new Error(differentOpening(opening, whole));
    return splitClosing(whole.slice(opening.length), tokenizer.specialTokens, endTokens);
  };
  return {
    prompt,
    answer: (messages, answer) => answerParts(messages, answer).text,
    promptIds: (messages) => tokenizer.encodeTemplate(prompt(messages)),
    answerIds(messages, answer) {
      const { text, end } = answerParts(messages, answer);
      return [...tokenizer.encodeContinuation(text), end];
    },
  };
}

/** Today's date would make two runs differ: templates that can do without the clock do. */
const NO_CLOCK = "{%- set strftime_now = undefined -%}";

function renderer({ template, tokens, tokenizer }: ChatOptions) {
  let parsed: Template;
  try {
    parsed = new Template(NO_CLOCK + template);
  } catch (error) {
    throw new Error(`The chat template cannot be read: ${(error as Error).message}`);
  }
  const special = [...tokenizer.specialTokens.keys()];
  return (messages: readonly Message[], opensAnswer: boolean): string => {
    for (const { role, content } of messages) {
      const found = special.find((token) => content.includes(token));
      if (found === undefined) continue;
      throw new Error(
        `The ${role}'s message ${
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
        `The chat template refuses messages by ${roles}: ${(error as Error).message}${clock || ""}`,
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
  const found = [...specialTokens].map(([token, id]) => ({ token, id, at: rest.indexOf(token) }))
    .filter(({ at }) => at >= 0).sort((a, b) => a.at - b.at || b.token.length - a.token.length)[0];
  if (!found) return { text: rest, end: endTokens[0] };
  if (endTokens.includes(found.id)) return { text: rest.slice(0, found.at), end: found.id };
  throw new Error(
    `The chat template writes ${found.token} (${found.id}) into an answer, which is none of the ` +
      `model's end tokens (${
        endTokens.join(", ")
      }); if it closes answers, add it to eos_token_id in ` +
      "generation_config.json",
  );
}

function differentOpening(prompt: string, whole: string): string {
  let same = 0;
  while (same < prompt.length && prompt[same] === whole[same]) same++;
  const excerpt = (text: string) => JSON.stringify(text.slice(Math.max(0, same - 20), same + 20));
  return "The chat template writes a prompt otherwise when the answer follows: " +
    `${excerpt(prompt)} alone, ${excerpt(whole)} with it; training and generation would differ. ` +
    "Give one that keeps it by --chat-template FILE";
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
 * "default"). Throws where there is none.
 */
export async function loadChat(
  folder: Folder,
  { template, ...model }: Pick<ChatOptions, "tokenizer" | "endTokens"> & { template?: string },
): Promise<Chat> {
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
  return createChat({ ...model, template: own, tokens });
}

/** Whether a model folder brings a chat template. */
export async function hasChatTemplate(folder: Folder): Promise<boolean> {
  const files = await folder.list();
  if (files.includes("chat_template.jinja") || files.includes("chat_template.json")) return true;
  if (!files.includes(CONFIG)) return false;
  return z.looseObject({}).parse(await readJson(folder, CONFIG))["chat_template"] != null;
}

function pickTemplate(name: string, { chat_template }: Record<string, unknown>): string {
  if (chat_template == null) {
    throw new Error(
      `${name} has no chat template, so it cannot take messages; give one by --chat-template FILE, ` +
        "or data whose prompts and responses are plain text",
    );
  }
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
