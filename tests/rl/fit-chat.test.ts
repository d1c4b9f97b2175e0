import { expect, test } from "bun:test";
import type { Chat, Message } from "../../engine/nn/chat.ts";
import { emptyFitReport } from "../../engine/rl/fit.ts";
import { fitChat } from "../../engine/rl/fit-chat.ts";

/** Ten tokens a message, which tell it; one token a letter of the answer and one to close it. */
const chat: Pick<Chat, "promptIds" | "answerIds"> = {
  promptIds: (messages) => messages.flatMap(({ content }) => Array(10).fill(Number(content))),
  answerIds: (_, answer) => [...answer].map(() => 1).concat(0),
};
const roles = ["system", "user", "assistant", "user"];
const messages: Message[] = roles.map((role, index) => ({ role, content: `${index}` }));
const kept = (maxPrompt: number, of = messages) => {
  const report = emptyFitReport();
  const limits = { context: 100, maxPrompt, maxResponse: 5 };
  const fitted = fitChat(chat as Chat, of, ["abcd"], limits, report);
  const told = fitted && { turns: [...new Set(fitted.promptIds)], cut: fitted.promptCut };
  return { told, report };
};

test("a conversation loses its oldest turns up to a question; the system's message stays", () => {
  expect(kept(40)).toEqual({
    told: { turns: [0, 1, 2, 3], cut: false },
    report: { rows: 1, promptsCut: 0, dropped: 0 },
  });
  const cut = {
    told: { turns: [0, 3], cut: true },
    report: { rows: 1, promptsCut: 1, dropped: 0 },
  };
  expect(kept(39)).toEqual(cut);
  expect(kept(20)).toEqual(cut);
  expect(kept(19)).toEqual({ told: null, report: { rows: 1, promptsCut: 0, dropped: 1 } });
  expect(kept(29, messages.slice(1)).told).toEqual({ turns: [3], cut: true });
});

test("a pair is dropped where either answer does not fit", () => {
  const report = emptyFitReport();
  const limits = { context: 100, maxResponse: 5 };
  const fit = (...answers: string[]) => fitChat(chat as Chat, messages, answers, limits, report);
  expect(fit("abcd", "a")?.answerIds).toEqual([[1, 1, 1, 1, 0], [1, 0]]);
  expect(fit("a", "abcde")).toBeNull();
  expect(report).toEqual({ rows: 2, promptsCut: 0, dropped: 1 });
});
