import { z } from "zod";
import type { Message } from "../engine/nn/chat.ts";

export const messageSchema = z.looseObject({ role: z.string(), content: z.string() });

const SPEAKERS: Record<string, string> = {
  user: "Human",
  assistant: "Assistant",
  system: "System",
};

/** What reports call the text below. */
export const PLAIN_TURNS = '"\\n\\nHuman: …\\n\\nAssistant: …", as in Anthropic HH';

/**
 * A conversation as text, in Anthropic HH's form: what is shown and split by, and what a model without a chat
 * template learns. An answer's text has a space in front. Throws where a role has no place in it.
 */
export function renderPlain(
  prompt: readonly Message[],
  answer: readonly Message[],
): { prompt: string; response: string } {
  const opening = turns(prompt) + ANSWER;
  return { prompt: opening, response: turns(answer).slice(ANSWER.length) };
}

/** What opens an answer in that form. */
export const ANSWER = "\n\nAssistant:";

/** The content of an answer of one message, from its text. */
export function answerContent(response: string): string {
  return response.slice(1);
}

function turns(messages: readonly Message[]): string {
  return messages.map(({ role, content }) => `\n\n${speaker(role)}: ${content}`).join("");
}

function speaker(role: string): string {
  if (role in SPEAKERS) return SPEAKERS[role];
  throw new Error(`role "${role}" is none of ${Object.keys(SPEAKERS).join(", ")}`);
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
