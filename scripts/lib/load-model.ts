import { MemoryLimitError } from "../../engine/gpu/buffers.ts";
import type { Engine } from "../../engine/gpu/engine.ts";
import { type Chat, hasChatTemplate, loadChat } from "../../engine/nn/chat.ts";
import { type Model, SCORE_WEIGHT } from "../../engine/nn/model.ts";
import { loadTokenizer, type Tokenizer } from "../../engine/nn/tokenizer.ts";
import { ArgumentError } from "../host/arguments.ts";
import { openFolder } from "../host/files.ts";
import { type FrozenOptions, loadFrozen } from "./adapters.ts";
import { modelFolder, type ModelSource } from "./model-folder.ts";

/** A model to train on text, with its tokenizer and the token that closes a response. */
export interface TextModel extends ModelSource {
  base: Model;
  tokenizer: Tokenizer;
  /** Null where the model has no chat template. */
  chat: Chat | null;
  endToken: number;
}

/**
 * Loads a Hugging Face folder, of a model or of an adapter, the one model of a run folder, or a model of the hub
 * (`organisation/name@revision`), frozen. Throws where the model has no end token or the tokenizer is not its own.
 */
export async function loadTextModel(
  engine: Engine,
  name: string,
  options: FrozenOptions = {},
): Promise<TextModel> {
  const path = await modelFolder(name);
  const folder = openFolder(path);
  const base = await loadFrozen(engine, path, options);
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
  return { name, path, base, tokenizer, chat, endToken };
}

/** The model that a flag names as one that writes text. */
export async function loadPolicy(
  engine: Engine,
  flag: string,
  name: string,
  options: FrozenOptions = {},
): Promise<TextModel> {
  const model = await naming(flag, loadTextModel(engine, name, options));
  if (!model.base.parameters.has(SCORE_WEIGHT)) return model;
  throw new Error(
    `${flag} ${name}: this is a reward model (it has a score head), and a model that writes text is needed`,
  );
}

/** The reward model that a flag names, to score what `policy` writes. */
export async function loadReward(
  engine: Engine,
  flag: string,
  name: string,
  policy: TextModel,
  { weights }: FrozenOptions = {},
): Promise<Model> {
  const loading = loadTextModel(engine, name, { other: policy, weights });
  const { base, tokenizer } = await naming(flag, loading);
  if (!base.parameters.has(SCORE_WEIGHT)) {
    throw new Error(
      `${flag} ${name}: this model has no score head (${SCORE_WEIGHT}); name a reward model, such as ` +
        "scripts/reward.ts writes",
    );
  }
  checkSameTokens(flag, tokenizer, policy);
  return base;
}

/** Throws where responses of so many tokens leave no room for a prompt. */
export function checkResponseTokens(responseTokens: number, { base }: TextModel): void {
  const { context } = base.config;
  if (responseTokens + 2 <= context) return;
  throw new ArgumentError(
    `--response-tokens ${responseTokens} leaves no room for a prompt: the model's context is ${context} tokens.`,
  );
}

/** Throws where a tokenizer gives other ids than the model that writes: its scores would be of other text. */
export function checkSameTokens(flag: string, tokenizer: Tokenizer, policy: TextModel): void {
  const probe = 'The quick brown fox (1, 2, 3) said:\n\n"Où est l\'été?" 数 🙂';
  if (tokenizer.encode(probe).join() === policy.tokenizer.encode(probe).join()) return;
  throw new Error(`${flag}: its tokenizer is not that of ${policy.path}; both must be the same`);
}

/** Puts the flag before the message of what goes wrong with its value. */
export async function naming<T>(flag: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    // What does not fit is no fault of the model: the flags ask for too much.
    const Kind = error instanceof MemoryLimitError ? ArgumentError : Error;
    throw new Kind(`${flag}: ${(error as Error).message}`, { cause: error });
  }
}
