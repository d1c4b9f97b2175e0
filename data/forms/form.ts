import { z } from "zod";
import type { Message } from "../../engine/nn/chat.ts";
import { messageSchema, renderPlain } from "../chat.ts";

/** A record of a file with its columns named as the forms know them. */
export type Columns = Record<string, unknown>;

/** Answers to one prompt with a number each; higher is better, and only the order of answers here counts. */
export interface RatedAnswers {
  prompt: string;
  messages: readonly Message[] | null;
  answers: { text: string; rating: number }[];
}

/** What one record says. */
export type Item =
  | {
    kind: "pair";
    prompt: string;
    messages: readonly Message[] | null;
    chosen: string;
    rejected: string;
  }
  | { kind: "demonstration" } & Answered
  | { kind: "rated"; rated: RatedAnswers };

/** What an answer may be. */
export interface AnswerRule {
  /** Only one message: a chat template writes no more. */
  oneMessage: boolean;
}

/** One of the forms that preference data come in. */
export interface Form {
  name: string;
  /** The columns it reads, as the error for unknown data lists them. */
  reads: string;
  /** Names of its columns, which are no further fields of a row. */
  columns: readonly string[];
  recognises(columns: Columns): boolean;
  /** Throws with the reason where the record is bad. */
  read(columns: Columns, rule: AnswerRule): Item;
  /** Ratings of different records with the same prompt are on one scale. */
  oneScale?: boolean;
}

/** A record that is not as its form says. */
export class BadRow extends Error {}

const emptyOr = (expected: string) => (issue: { input?: unknown }) =>
  issue.input === "" ? "is empty" : `expected ${expected}, got ${show(issue.input)}`;

export const text = z.string({ error: emptyOr("text") }).min(1, "is empty");
const messages = z.array(messageSchema).min(1);

/** Text, or a list of chat messages. */
export const textOrMessages = z.union([text, messages], {
  error: emptyOr("text or a list of chat messages {role, content}"),
});
export type TextOrMessages = string | Message[];

/** A value as a message about it shows it. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  const json = JSON.stringify(value) ?? String(value);
  return json.length > 60 ? json.slice(0, 57) + "…" : json;
}

/** An answer with its prompt. */
export interface Answered {
  prompt: string;
  response: string;
  /** The prompt as messages, where one of the two came so. */
  messages: readonly Message[] | null;
}

/** Prompt and answer as text, whichever of them are chat messages. */
export function renderAnswer(
  prompt: TextOrMessages,
  answer: TextOrMessages,
  { oneMessage }: AnswerRule,
): Answered {
  if (typeof prompt === "string" && typeof answer === "string") {
    return { prompt, response: answer, messages: null };
  }
  const messages = typeof prompt === "string" ? [{ role: "user", content: prompt }] : prompt;
  const answered = typeof answer === "string" ? [{ role: "assistant", content: answer }] : answer;
  if (answered[0]?.role !== "assistant" || answered.at(-1)?.role !== "assistant") {
    throw new BadRow("the answer must begin and end with a message of the assistant");
  }
  if (oneMessage && answered.length > 1) {
    throw new BadRow(
      `the answer has ${answered.length} messages, and the model's chat template writes one; ` +
        "let the conversations part at their last answer",
    );
  }
  try {
    return { ...renderPlain(messages, answered), messages };
  } catch (error) {
    throw new BadRow((error as Error).message);
  }
}

export function has(columns: Columns, ...names: string[]): boolean {
  return names.every((name) => columns[name] !== undefined && columns[name] !== null);
}
