import { renderPlain } from "../../data/chat.ts";
import type { Message } from "../../engine/nn/chat.ts";
import { fitConversation } from "../../engine/rl/fit-chat.ts";
import { complete, promptIds, type SamplingOptions } from "./complete.ts";
import type { TextModel } from "./load-model.ts";

/**
 * How what is said becomes a prompt: a dialogue by the model's chat template, or in turns of Human and Assistant
 * where it has none; or the line as it is, without a memory.
 */
export const styles = ["dialogue", "plain"] as const;
export type Style = typeof styles[number];

/** A dialogue with one model. */
export class Conversation {
  #messages: Message[] = [];
  #turn = 0;

  constructor(
    readonly model: TextModel,
    readonly style: Style,
    readonly sampling: SamplingOptions,
  ) {}

  async answer(said: string): Promise<string> {
    const messages = [...this.#messages, { role: "user", content: said }];
    const prompt = this.style === "plain"
      ? promptIds(this.model, said, this.sampling)
      : this.#dialogueIds(messages);
    const [{ text }] = await complete(this.model, [prompt], this.sampling, this.#turn++);
    if (this.style === "plain") return text;
    // A model that goes on with the other's turn has said its own.
    const content = text.split("\n\nHuman:", 1)[0].trim();
    this.#messages = [...messages, { role: "assistant", content }];
    return content;
  }

  forget(): void {
    this.#messages = [];
  }

  /** The oldest turns are left out where the context is too short for all. */
  #dialogueIds(messages: readonly Message[]): number[] {
    const { base: { config: { context } }, chat } = this.model;
    if (!chat) return promptIds(this.model, renderPlain(messages, []).prompt, this.sampling);
    const limits = { context, maxResponse: this.sampling.responseTokens };
    const fitted = fitConversation(chat, messages, limits);
    if (fitted) return fitted.promptIds;
    throw new Error(
      `the message does not fit into the model's context of ${context} tokens with an answer of up to ` +
        `${limits.maxResponse}; lower --response-tokens`,
    );
  }
}
