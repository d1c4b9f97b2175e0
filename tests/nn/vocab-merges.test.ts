import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { loadTokenizer } from "../../engine/nn/tokenizer.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { byteFolder, FIRST_SPECIAL as END } from "../support/byte-tokenizer.ts";
import { oracle, shared } from "../support/shared.ts";

const ENDOFTEXT = "<|endoftext|>";

test("an old GPT-2 folder loads: merges apply in words, and the end of a text is special", async () => {
  const tokenizer = await loadTokenizer(byteFolder([ENDOFTEXT]));
  expect(tokenizer.encode("he he")).toEqual([256, 257]);
  expect(tokenizer.encode("é\n")).toEqual([0xc3, 0xa9, 0x0a]);
  expect([...tokenizer.specialTokens]).toEqual([[ENDOFTEXT, END]]);
  expect(tokenizer.vocabulary).toBe(END + 1);
  expect(tokenizer.encode(ENDOFTEXT)).not.toContain(END);
  expect(tokenizer.encodeTemplate(`he${ENDOFTEXT}`)).toEqual([256, END]);
});

test("special tokens come from whichever file names them", async () => {
  const names = async (
    files: Record<string, unknown>,
  ) => [...(await loadTokenizer(byteFolder(["<s>", "</s>"], files))).specialTokens];
  const both = [["</s>", END + 1], ["<s>", END]] as [string, number][];
  expect(await names({ "special_tokens_map.json": { eos_token: "</s>", bos_token: "<s>" } }))
    .toEqual(both.toReversed());
  expect(
    await names({
      "tokenizer_config.json": { eos_token: { content: "</s>", lstrip: false }, pad_token: "</s>" },
      "special_tokens_map.json": { bos_token: "<s>" },
    }),
  ).toEqual(both);
  const added = {
    259: { content: "</s>", special: true },
    260: { content: "<p>", special: false },
  };
  expect(await names({ "tokenizer_config.json": { added_tokens_decoder: added } }))
    .toEqual([["</s>", END + 1]]);
  expect(
    await names({
      "added_tokens.json": { "<pad>": 300 },
      "special_tokens_map.json": { pad_token: "<pad>" },
    }),
  ).toEqual([["<pad>", 300]]);
});

test("what cannot be read as GPT-2's tokenizer is refused", async () => {
  const load = (files: Record<string, unknown>) => loadTokenizer(byteFolder([ENDOFTEXT], files));
  await expect(load({ "tokenizer_config.json": { tokenizer_class: "Qwen2Tokenizer" } }))
    .rejects.toThrow("names Qwen2Tokenizer; save tokenizer.json");
  await expect(load({ "merges.txt": "h e\nx y" })).rejects.toThrow(
    "merges.txt:2: expected two tokens",
  );
  await expect(load({ "special_tokens_map.json": { pad_token: "<pad>" } }))
    .rejects.toThrow("the special token <pad> has no id in vocab.json");
  expect((await load({ "tokenizer_config.json": { tokenizer_class: "GPT2Tokenizer" } })).vocabulary)
    .toBe(END + 1);
});

const gpt2 = shared("data/tokenizers/gpt2");
test.skipIf(gpt2 === null)("GPT-2's vocab and merges encode as the Rust library does", async () => {
  const tokenizer = await loadTokenizer(openFolder(gpt2!));
  const expected = JSON.parse(readFileSync(oracle("tokenizers.json"), "utf8"));
  expect(Object.keys(expected.gpt2).length).toBe(8);
  for (const [text, ids] of Object.entries<number[]>(expected.gpt2)) {
    expect(tokenizer.encode(text)).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(text);
  }
  expect([...tokenizer.specialTokens]).toEqual([[ENDOFTEXT, 50256]]);
});
