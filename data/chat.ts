import { z } from "zod";

export const messageSchema = z.looseObject({ role: z.string(), content: z.string() });
export type Message = z.infer<typeof messageSchema>;

/** How chat messages become text. */
export interface ChatFormat {
  /** What reports call it. */
  name: string;
  /** The text of a conversation; with `opensAnswer` up to the place where the assistant's answer begins. */
  render(messages: readonly Message[], opensAnswer: boolean): string;
}

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
};

function speaker(role: string): string {
  if (role in SPEAKERS) return SPEAKERS[role];
  throw new Error(`role "${role}" is none of ${Object.keys(SPEAKERS).join(", ")}`);
}

/**
 * A conversation as prompt and response. The response ends with the last message's content: what closes a turn
 * is the model's end token. Throws, with the reason, where the format does not keep the conversation in order.
 */
export function renderConversation(
  format: ChatFormat,
  prompt: readonly Message[],
  answer: readonly Message[],
): { prompt: string; response: string } {
  const last = answer.at(-1);
  if (answer[0]?.role !== "assistant" || last?.role !== "assistant") {
    throw new Error("the answer must begin and end with a message of the assistant");
  }
  const opening = format.render(prompt, true);
  const whole = format.render([...prompt, ...answer], false);
  const end = whole.lastIndexOf(last.content.trim()) + last.content.trim().length;
  if (!whole.startsWith(opening) || end <= opening.length) {
    throw new Error(
      `${format.name} does not render the answer after its prompt, so the two cannot be told apart`,
    );
  }
  return { prompt: opening, response: whole.slice(opening.length, end) };
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
