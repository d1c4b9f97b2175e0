import { z } from "zod";
import { type Folder, readJson } from "./bytes.ts";

export const VOCAB = "vocab.json";
export const MERGES = "merges.txt";

const tokenId = z.int().nonnegative();
const ids = z.record(z.string(), tokenId);
/** A token as the text it is, or as transformers writes out an AddedToken. */
const token = z.union([
  z.string(),
  z.looseObject({ content: z.string() }).transform((t) => t.content),
]);
const named = z.looseObject({
  bos_token: token.nullish(),
  eos_token: token.nullish(),
  unk_token: token.nullish(),
  pad_token: token.nullish(),
  additional_special_tokens: z.array(token).nullish(),
});
const configSchema = named.extend({
  tokenizer_class: z.string().nullish(),
  add_prefix_space: z.boolean().nullish(),
  added_tokens_decoder: z.record(
    z.string(),
    z.looseObject({ content: z.string(), special: z.boolean().default(false) }),
  ).default({}),
});

/** The token that GPT-2's tokenizer has for begin, end and unknown where no file names others. */
const GPT2_SPECIAL = "<|endoftext|>";

/**
 * The contents of the tokenizer.json that an older GPT-2 folder lacks, from its vocab.json and
 * merges.txt: byte-level BPE. Other tokenizers kept in these two files split words in other ways, so a
 * folder that names another class is refused.
 */
export async function readVocabMerges(folder: Folder, configJson: unknown): Promise<object> {
  const files = await folder.list();
  const optional = async (file: string) => files.includes(file) ? await readJson(folder, file) : {};
  const config = configSchema.parse(configJson);
  if (!/^(?:GPT2Tokenizer(?:Fast)?)?$/.test(config.tokenizer_class ?? "")) {
    throw new Error(
      `${VOCAB} and ${MERGES} alone are read as GPT-2's tokenizer, but tokenizer_config.json names ` +
        `${config.tokenizer_class}; save tokenizer.json with transformers' save_pretrained`,
    );
  }
  const vocab = ids.parse(await readJson(folder, VOCAB));
  const extra = ids.parse(await optional("added_tokens.json"));
  const special = specialTexts(config, named.parse(await optional("special_tokens_map.json")));
  for (const [id, { content, special: isSpecial }] of Object.entries(config.added_tokens_decoder)) {
    extra[content] = Number(id);
    if (isSpecial) special.add(content);
  }
  if (special.size === 0 && GPT2_SPECIAL in vocab) special.add(GPT2_SPECIAL);
  return {
    added_tokens: addedTokens({ ...vocab, ...extra }, special, Object.keys(extra)),
    normalizer: null,
    pre_tokenizer: {
      type: "ByteLevel",
      add_prefix_space: config.add_prefix_space ?? false,
      trim_offsets: true,
      use_regex: true,
    },
    post_processor: null,
    decoder: { type: "ByteLevel" },
    model: { type: "BPE", vocab, merges: parseMerges(await folder.text(MERGES), vocab) },
  };
}

function specialTexts(...sources: z.infer<typeof named>[]): Set<string> {
  const texts = sources.flatMap((source) => [
    source.bos_token,
    source.eos_token,
    source.unk_token,
    source.pad_token,
    ...source.additional_special_tokens ?? [],
  ]);
  return new Set(texts.filter((text) => text != null));
}

function addedTokens(known: Record<string, number>, special: ReadonlySet<string>, extra: string[]) {
  return [...new Set([...special, ...extra])].map((content) => {
    const id = known[content];
    if (id === undefined) {
      throw new Error(
        `the special token ${content} has no id in ${VOCAB}, added_tokens.json or ` +
          "tokenizer_config.json (added_tokens_decoder)",
      );
    }
    const form = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    return { id, content, ...form, special: special.has(content) };
  });
}

/** The pairs of merges.txt in their order. Throws where a line is no pair or its join no token. */
function parseMerges(text: string, vocab: Record<string, number>): [string, string][] {
  return text.split("\n").flatMap((line, index) => {
    if ((index === 0 && line.startsWith("#version")) || line.trim() === "") return [];
    const [left, right, ...rest] = line.trimEnd().split(" ");
    if (right !== undefined && rest.length === 0 && left + right in vocab) return [[left, right]];
    throw new Error(
      `${MERGES}:${index + 1}: expected two tokens whose join is in ${VOCAB}, got "${line}"`,
    );
  });
}
