import { z } from "zod";
import { type Form, has, renderAnswer, textOrMessages } from "./form.ts";

const schema = z.looseObject({
  prompt: textOrMessages,
  completion: textOrMessages.nullish(),
  response: textOrMessages.nullish(),
  label: textOrMessages.nullish(),
});

/** Prompts with one good answer each, such as TRL's TL;DR: for SFT and resets, not for a reward model. */
export const demonstrations: Form = {
  name: "demonstrations",
  reads: "prompt and completion, response or label (one answer a prompt, no preference)",
  columns: ["prompt", "completion", "response", "label"],
  recognises: (row) =>
    has(row, "prompt") && ["completion", "response", "label"].some((name) => has(row, name)),
  read(row, rule) {
    const { prompt, completion, response, label } = schema.parse(row);
    const answer = textOrMessages.parse(completion ?? response ?? label);
    return { kind: "demonstration", ...renderAnswer(prompt, answer, rule) };
  },
};
