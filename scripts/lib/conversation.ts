import { complete, type SamplingOptions } from "./complete.ts";
import type { TextModel } from "./load-model.ts";

/** How what is said becomes a prompt: turns of Human and Assistant, or the line as it is, without a memory. */
export const styles = ["dialogue", "plain"] as const;
export type Style = typeof styles[number];

/** A dialogue with one model. */
export class Conversation {
  #dialogue = "";
  #turn = 0;

  constructor(
    readonly model: TextModel,
    readonly style: Style,
    readonly sampling: SamplingOptions,
  ) {}

  async answer(said: string): Promise<string> {
    const prompt = this.style === "plain"
      ? said
      : `${this.#dialogue}\n\nHuman: ${said}\n\nAssistant:`;
    const [{ text }] = await complete(this.model, [prompt], this.sampling, this.#turn++);
    // A model that goes on with the other's turn has said its own.
    const own = this.style === "plain" ? text : text.split("\n\nHuman:", 1)[0];
    this.#dialogue = prompt + own;
    return own;
  }

  forget(): void {
    this.#dialogue = "";
  }
}
