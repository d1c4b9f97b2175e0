import type { Engine } from "../../engine/gpu/engine.ts";
import type { Model } from "../../engine/nn/model.ts";
import { loadTokenizer, type Tokenizer } from "../../engine/nn/tokenizer.ts";
import { openFolder } from "../host/files.ts";
import { loadFrozen } from "./adapters.ts";

/** A model to train on text, with its tokenizer and the token that closes a response. */
export interface TextModel {
  base: Model;
  tokenizer: Tokenizer;
  endToken: number;
}

/** Loads a Hugging Face folder, of a model or of an adapter, frozen. Throws where the model has no end token or the tokenizer is not its own. */
export async function loadTextModel(engine: Engine, path: string): Promise<TextModel> {
  const folder = openFolder(path);
  const base = await loadFrozen(engine, path);
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
  return { base, tokenizer, endToken };
}
