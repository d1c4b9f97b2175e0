import { readFileSync } from "node:fs";
import type { Engine } from "../../engine/gpu/engine.ts";
import { loadModel, type Model } from "../../engine/nn/model.ts";
import { type Chat, loadChat } from "../../engine/nn/chat.ts";
import { loadTokenizer, type Tokenizer } from "../../engine/nn/tokenizer.ts";
import type { Encoder } from "../../engine/rl/fit.ts";
import { openFolder } from "../host/files.ts";
import { modelFolder } from "./model-folder.ts";

/** A model to train on text, with how texts become its tokens. */
export interface TextModel {
  base: Model;
  tokenizer: Tokenizer;
  /** What makes ids of prompts and responses: the tokenizer, or the chat that rendered them. */
  encoder: Encoder;
  /** Opens a prompt, unless null. */
  beginToken: number | null;
  /** Closes a response. */
  endToken: number;
  /** The folder it was read from. */
  path: string;
}

/**
 * Loads a Hugging Face folder or a model of the hub (`organisation/name@revision`). Throws where the
 * model has no end token or the tokenizer is not its own.
 */
export async function loadTextModel(engine: Engine, name: string): Promise<TextModel> {
  const path = await modelFolder(name);
  const folder = openFolder(path);
  const base = await loadModel(engine, folder);
  const tokenizer = await loadTokenizer(folder);
  const { endTokens: [endToken], vocabulary } = base.config;
  if (endToken === undefined) {
    throw new Error(`${path}/config.json names no eos_token_id; a response could not be closed`);
  }
  if (tokenizer.vocabulary > vocabulary) {
    throw new Error(
      `${path}: the tokenizer has ids up to ${
        tokenizer.vocabulary - 1
      }, but the model knows ${vocabulary} tokens; ` +
        "use the tokenizer that belongs to the model",
    );
  }
  const { beginToken } = base.config;
  return { base, tokenizer, encoder: tokenizer, beginToken, endToken, path };
}

/** The chat of a model by its own template, or by that in `file`. Null where it has none. */
export async function modelChat(
  { base, tokenizer, path }: TextModel,
  file?: string,
): Promise<Chat | null> {
  const template = file === undefined ? undefined : readFileSync(file, "utf8");
  const { endTokens } = base.config;
  return await loadChat(openFolder(path), { tokenizer, endTokens, template });
}

/** The model for prompts and responses that its chat has rendered: the template writes begin and end itself. */
export function speaking(model: TextModel, chat: Chat): TextModel {
  return { ...model, encoder: chat, beginToken: null, endToken: chat.endToken() };
}
