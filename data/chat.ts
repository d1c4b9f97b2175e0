import { z } from "zod";
import type { Chat, Message } from "../engine/nn/chat.ts";

export const messageSchema = z.looseObject({ role: z.string(), content: z.string() });

/** How chat messages become text: a model's template, or plain turns. */
export type ChatFormat = Pick<Chat, "name" | "render" | "answerText">;

const SPEAKERS: Record<string, string> = {
  user: "Human",
  assistant: "Assistant",
  system: "System",
};

/** Anthropic HH's format, for models without a chat template. */
export const plainChat: ChatFormat = {
  name: 'plain turns ("\\n\\nHuman: …\\n\\nAssistant: …", as in Anthropic HH)',
  render(messages, opensAnswer) {
    const turns = messages.map(({ role, content }) => `\n\n${speaker(role)}: ${content}`);
    return turns.join("") + (opensAnswer ? "\n\nAssistant:" : "");
  },
  answerText: (rest) => rest.trimEnd(),
};

function speaker(role: string): string {
  if (role in SPEAKERS) return SPEAKERS[role];
  throw new Error(`role "${role}" is none of ${Object.keys(SPEAKERS).join(", ")}`);
}

/**
 * A conversation as prompt and response. The response does without what closes its turn, for that is the
 * model's end token. Throws, with the reason, where the format does not keep the conversation in order.
 */
export function renderConversation(
  format: ChatFormat,
  prompt: readonly Message[],
  answer: readonly Message[],
): { prompt: string; response: string } {
  if (answer[0]?.role !== "assistant" || answer.at(-1)?.role !== "assistant") {
    throw new Error("the answer must begin and end with a message of the assistant");
  }
  const opening = format.render(prompt, true);
  const whole = format.render([...prompt, ...answer], false);
  if (!whole.startsWith(opening)) throw new Error(differentOpening(format, opening, whole));
  const response = format.answerText(whole.slice(opening.length));
  if (response === "") throw new Error("the answer is empty");
  return { prompt: opening, response };
}

function differentOpening({ name }: ChatFormat, prompt: string, whole: string): string {
  let same = 0;
  while (prompt[same] === whole[same]) same++;
  const excerpt = (text: string) => JSON.stringify(text.slice(Math.max(0, same - 20), same + 20));
  return `${name} writes a prompt otherwise when the answer follows (${excerpt(prompt)} alone, ` +
    `${
      excerpt(whole)
    } with it), so training and generation would differ; give one that keeps it by ` +
    "--chat-template FILE";
}

/** How many messages two conversations share at their start, so that both go on with an answer. */
export function sharedMessages(a: readonly Message[], b: readonly Message[]): number {
  let count = 0;
  const same = () => a[count].role === b[count].role && a[count].content === b[count].content;
  while (count < Math.min(a.length, b.length) && same()) count++;
  // Equal conversations differ in nothing: their last answer is the response.
  while (count > 0 && (a[count]?.role !== "assistant" || b[count]?.role !== "assistant")) count--;
  return count;
}
