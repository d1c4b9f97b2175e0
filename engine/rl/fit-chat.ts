import type { Chat, Message } from "../nn/chat.ts";
import {
  countFitted,
  type FitLimits,
  type FitReport,
  type FittedPrompt,
  promptRoom,
} from "./fit.ts";

/** A conversation and its answers as token ids. */
export interface FittedChat extends FittedPrompt {
  /** In the order of the answers, each with the token that closes it. */
  answerIds: number[][];
}

/**
 * A conversation with one answer (a demonstration) or two (a preference pair) as token ids, or null where
 * an answer, or the last question by itself, does not fit. A conversation that is too long loses its
 * oldest turns, up to a question of the user; the system's message stays. Counts into `report`.
 */
export function fitChat(
  chat: Chat,
  messages: readonly Message[],
  answers: readonly string[],
  limits: Pick<FitLimits, "context" | "maxPrompt" | "maxResponse">,
  report: FitReport,
): FittedChat | null {
  const answerIds = answers.map((answer) => chat.answerIds(messages, answer));
  const fits = answerIds.every(({ length }) => length <= limits.maxResponse);
  const prompt = fits ? fitConversation(chat, messages, limits) : null;
  return countFitted(prompt && { ...prompt, answerIds }, report);
}

/** The prompt of a conversation, or null where its last question does not fit. */
export function fitConversation(
  chat: Chat,
  messages: readonly Message[],
  limits: Pick<FitLimits, "context" | "maxPrompt" | "maxResponse">,
): FittedPrompt | null {
  const room = promptRoom({ ...limits, beginToken: null }); // the template writes its own
  const system = messages.filter(({ role }, index) => index === 0 && role === "system");
  const starts = messages.flatMap(({ role }, index) => role === "user" ? [index] : []);
  for (const start of [system.length, ...starts.filter((index) => index > system.length)]) {
    const promptIds = chat.promptIds([...system, ...messages.slice(start)]);
    if (promptIds.length <= room) return { promptIds, promptCut: start > system.length };
  }
  return null;
}
