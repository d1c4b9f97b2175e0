import { z } from "zod";
import type { Message } from "../../engine/nn/chat.ts";
import { ANSWER, sharedMessages } from "../chat.ts";
import {
  type Answered,
  type AnswerRule,
  BadRow,
  type Form,
  has,
  renderAnswer,
  textOrMessages,
} from "./form.ts";

const schema = z.looseObject({
  prompt: textOrMessages.nullish(),
  chosen: textOrMessages,
  rejected: textOrMessages,
});
const columns = ["prompt", "chosen", "rejected"];
type Row = z.infer<typeof schema>;

/** A prompt with a better and a worse answer, each text or chat messages. */
export const preferencePairs: Form = {
  name: "preference pairs",
  reads: "prompt, chosen, rejected",
  columns,
  recognises: (row) => has(row, "prompt", "chosen", "rejected") && !isConversation(row.chosen),
  read(row, rule) {
    const { prompt, chosen, rejected } = schema.parse(row);
    if (isConversation(chosen)) return implicitPrompt.read(row, rule);
    if (prompt === null || prompt === undefined) throw new BadRow('"prompt": is missing');
    return pair(
      renderAnswer(prompt, chosen, rule),
      renderAnswer(prompt, rejected, rule),
    );
  },
};

/** Anthropic HH's form: both sides begin with the dialogue so far, as text or as chat messages. */
export const implicitPrompt: Form = {
  name: "preference pairs with implicit prompt",
  reads: "chosen, rejected (both begin with the same dialogue)",
  columns,
  recognises: (row) => has(row, "chosen", "rejected"),
  read(row, rule) {
    const { chosen, rejected } = schema.parse(row);
    if (typeof chosen === "string" && typeof rejected === "string") {
      return splitDialogue(chosen, rejected);
    }
    if (typeof chosen === "string" || typeof rejected === "string") {
      throw new BadRow("chosen and rejected must both be text or both lists of chat messages");
    }
    return splitConversation(chosen, rejected, rule);
  },
};

/** Messages that hold the prompt too: an answer alone has no message of the user in front. */
function isConversation(value: unknown): boolean {
  return Array.isArray(value) && value[0]?.role !== "assistant";
}

function pair({ response, ...asked }: Answered, rejected: Answered) {
  return { kind: "pair", ...asked, chosen: response, rejected: rejected.response } as const;
}

function splitConversation(
  chosen: Exclude<Row["chosen"], string>,
  rejected: readonly Message[],
  rule: AnswerRule,
) {
  const shared = sharedMessages(chosen, rejected);
  if (shared === 0) throw new BadRow("chosen and rejected share no message before their answers");
  const prompt = chosen.slice(0, shared);
  return pair(
    renderAnswer(prompt, chosen.slice(shared), rule),
    renderAnswer(prompt, rejected.slice(shared), rule),
  );
}

/** The prompt is what both dialogues share, up to and with the last turn that opens an answer. */
function splitDialogue(chosen: string, rejected: string) {
  const turn = commonPrefix(chosen, rejected).lastIndexOf(ANSWER);
  if (turn < 0) {
    throw new BadRow(
      'there is no "prompt", and chosen and rejected share no dialogue up to "\\n\\nAssistant:"',
    );
  }
  const end = turn + ANSWER.length;
  const [prompt, ...answers] = [chosen.slice(0, end), chosen.slice(end), rejected.slice(end)];
  const empty = answers.indexOf("");
  if (empty >= 0) {
    throw new BadRow(`"${columns[1 + empty]}": has no answer after the shared dialogue`);
  }
  const [better, worse] = answers.map((response) => ({ prompt, messages: null, response }));
  return pair(better, worse);
}

function commonPrefix(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return a.slice(0, length);
}
