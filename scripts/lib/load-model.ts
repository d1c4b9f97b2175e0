import type { Engine } from "../../engine/gpu/engine.ts";
import { type Chat, hasChatTemplate, loadChat } from "../../engine/nn/chat.ts";
import { loadModel, type Model } from "../../engine/nn/model.ts";
import { loadTokenizer, type Tokenizer } from "../../engine/nn/tokenizer.ts";
import { openFolder } from "../host/files.ts";
import { modelFolder } from "./model-folder.ts";

/** A model to train on text, with its tokenizer and the token that closes a response. */
export interface TextModel {
  base: Model;
  tokenizer: Tokenizer;
  /** Null where the model has no chat template. */
  chat: Chat | null;
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
  const { endTokens } = base.config;
  const chat = await hasChatTemplate(folder)
    ? await loadChat(folder, { tokenizer, endTokens })
    : null;
  return { base, tokenizer, chat, endToken, path };
}
