import { Tokenizer as Library } from "@huggingface/tokenizers";
import { z } from "zod";
import { type Folder, readJson } from "./bytes.ts";
import { validate } from "./families/schema.ts";
import { MERGES, readVocabMerges, VOCAB } from "./vocab-merges.ts";

/** Text to token ids and back. */
export interface Tokenizer {
  /** One more than the greatest id. A model's vocabulary may be larger, padded to a round number. */
  readonly vocabulary: number;
  /** Control tokens such as the end of a sequence, by how templates write them; decoded, they have no text. */
  readonly specialTokens: ReadonlyMap<string, number>;
  /**
   * Ids of a text that opens a sequence. No special token is added, and none comes out: a literal
   * `</s>` in the data is encoded as the characters it is, so that no text can end a response.
   */
  encode(text: string): number[];
  /**
   * Ids of a text that follows other text. It differs from `encode` where the tokenizer opens a
   * text with a space of its own (SentencePiece), so that `decode([...encode(a),
   * ...encodeContinuation(b)])` is `a + b`.
   */
  encodeContinuation(text: string): number[];
  /** Ids of a text that a chat template wrote: special tokens in it stand for themselves. */
  encodeTemplate(text: string): number[];
  /** Text of ids that open a sequence. Special ids, and ids without a token, have no text. */
  decode(ids: Iterable<number>): string;
  /** Text of ids that follow others: keeps the leading space that `decode` would strip. */
  decodeContinuation(ids: Iterable<number>): string;
}

/**
 * Reads `tokenizer.json`, or GPT-2's `vocab.json` and `merges.txt`, and where there is one
 * `tokenizer_config.json` of a model folder.
 */
export async function loadTokenizer(folder: Folder): Promise<Tokenizer> {
  const files = await folder.list();
  const whole = files.includes("tokenizer.json");
  if (!whole && !(files.includes(VOCAB) && files.includes(MERGES))) {
    throw new Error(
      `${folder.name} holds no tokenizer.json, nor GPT-2's ${VOCAB} and ${MERGES}; transformers' ` +
        "save_pretrained of a fast tokenizer writes tokenizer.json",
    );
  }
  const config = files.includes("tokenizer_config.json")
    ? await readJson(folder, "tokenizer_config.json")
    : {};
  const json = whole ? await readJson(folder, "tokenizer.json") : null;
  try {
    return createTokenizer(json ?? await readVocabMerges(folder, config), config);
  } catch (error) {
    const { message } = error as Error;
    throw new Error(`Cannot use the tokenizer of ${folder.name}: ${message}`, { cause: error });
  }
}

const tokenizerSchema = z.looseObject({
  added_tokens: z.array(
    z.looseObject({ id: z.int().nonnegative(), content: z.string(), special: z.boolean() }),
  ),
});

/** A tokenizer from the contents of the two files. */
export function createTokenizer(json: unknown, config: unknown): Tokenizer {
  const { added_tokens, ...rest } = validate(tokenizerSchema, json, "tokenizer.json");
  const specialTokens = new Map(
    added_tokens.filter((token) => token.special).map(({ content, id }) => [content, id]),
  );
  const specialIds = new Set(specialTokens.values());
  // The library looks for every added token in every text: without the special ones it finds none.
  const library = new Library(
    { ...rest, added_tokens: added_tokens.filter((token) => !token.special) },
    validate(z.looseObject({}), config, "tokenizer_config.json"),
  );
  let templates: Library | undefined; // made when a template is first used
  const encodeTemplate = (text: string) => {
    templates ??= new Library(z.looseObject({}).parse(json), z.looseObject({}).parse(config));
    return templates.encode(text, { add_special_tokens: false }).ids;
  };
  const encode = (text: string) => library.encode(text, { add_special_tokens: false }).ids;
  const decode = (ids: Iterable<number>) => decodeText(library, specialIds, [...ids]);
  const ids = [...library.get_vocab().values(), ...specialIds];
  return {
    vocabulary: ids.reduce((greatest, id) => Math.max(greatest, id), -1) + 1,
    specialTokens,
    encode,
    encodeTemplate,
    decode,
    ...continuation(encode, decode),
  };
}

function decodeText(library: Library, specialIds: ReadonlySet<number>, ids: number[]): string {
  for (const id of ids) {
    if (!Number.isInteger(id) || id < 0) throw new RangeError(`${id} is no token id`);
  }
  const known = ids.filter((id) => !specialIds.has(id) && library.id_to_token(id) !== undefined);
  if (known.length === 0) return ""; // the library refuses an empty list
  // The clean-up, the library's default, would drop spaces before punctuation.
  return library.decode(known, { clean_up_tokenization_spaces: false });
}

/** The character that stands before a continuation while it is encoded or decoded. */
const ANCHOR = "\n";

function continuation(
  encode: Tokenizer["encode"],
  decode: Tokenizer["decode"],
): Pick<Tokenizer, "encodeContinuation" | "decodeContinuation"> {
  const addsSpace = decode([...encode("a"), ...encode("a")]) !== "aa";
  if (!addsSpace) return { encodeContinuation: encode, decodeContinuation: decode };
  const anchor = encode(ANCHOR);
  return {
    encodeContinuation: (text) => encode(ANCHOR + text).slice(anchor.length),
    decodeContinuation: (ids) => decode([...anchor, ...ids]).slice(ANCHOR.length),
  };
}
