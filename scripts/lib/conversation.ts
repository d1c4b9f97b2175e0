import { renderPlain } from "../../data/chat.ts";
import type { Message } from "../../engine/nn/chat.ts";
import type { FittedPrompt } from "../../engine/rl/fit.ts";
import { fitConversation } from "../../engine/rl/fit-chat.ts";
import { complete, type SamplingOptions, textPrompt } from "./complete.ts";
import type { TextModel } from "./load-model.ts";

/**
 * How what is said becomes a prompt: a dialogue by the model's chat template, or in turns of Human and Assistant
 * where it has none; or the line as it is, without a memory.
 */
export const styles = ["dialogue", "plain"] as const;
export type Style = typeof styles[number];

/** What a model says, and whether what was said before it was too long to be read from its start. */
export interface Reply {
  text: string;
  promptCut: boolean;
}

/** A message that no shortening of the dialogue before it makes fit. */
export class MessageTooLong extends Error {}

/** A dialogue with one model. */
export class Conversation {
  #messages: Message[] = [];
  #turn = 0;

  constructor(
    readonly model: TextModel,
    readonly style: Style,
    readonly sampling: SamplingOptions,
  ) {}

  /** Throws {@link MessageTooLong}. */
  async answer(said: string): Promise<Reply> {
    const messages = [...this.#messages, { role: "user", content: said }];
    const { promptIds, promptCut } = this.style === "plain"
      ? textPrompt(this.model, said, this.sampling)
      : this.#dialogue(messages);
    const [{ text }] = await complete(this.model, [promptIds], this.sampling, this.#turn++);
    if (this.style === "plain") return { text, promptCut };
    // A model that goes on with the other's turn has said its own.
    const content = text.split("\n\nHuman:", 1)[0].trim();
    this.#messages = [...messages, { role: "assistant", content }];
    return { text: content, promptCut };
  }

  forget(): void {
    this.#messages = [];
  }

  /** The oldest turns are left out where the context is too short for all. */
  #dialogue(messages: readonly Message[]): FittedPrompt {
    const { base: { config: { context } }, chat } = this.model;
    if (!chat) return textPrompt(this.model, renderPlain(messages, []).prompt, this.sampling);
    const limits = { context, maxResponse: this.sampling.responseTokens };
    const fitted = fitConversation(chat, messages, limits);
    if (fitted) return fitted;
    throw new MessageTooLong(
      `the message does not fit into the model's context of ${context} tokens with an answer of up to ` +
        `${limits.maxResponse}; shorten it, or start with a lower --response-tokens`,
    );
  }
}
