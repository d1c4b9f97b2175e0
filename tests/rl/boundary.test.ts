import { expect, test } from "bun:test";
import fc from "fast-check";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { createTokenizer, loadTokenizer, type Tokenizer } from "../../engine/nn/tokenizer.ts";
import { emptyFitReport, fitPair, fitPrompt, fitRow } from "../../engine/rl/fit.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { shared } from "../support/shared.ts";

const bundled = fileURLToPath(new URL("../../data/storyteller", import.meta.url));
const [gpt2, pythia, stories] = [
  shared("data/tokenizers/gpt2"),
  shared("data/tokenizers/gpt-neox-pythia/20B_tokenizer.json.gz"),
  shared("models/stories260k"),
];
const folder = (path: string) => loadTokenizer(openFolder(path));
/** Byte-level BPE (bundled, GPT-2, Pythia) and SentencePiece (stories260k). */
const tokenizers: [string, string | null, (path: string) => Promise<Tokenizer>][] = [
  ["the bundled tokenizer", bundled, folder],
  ["GPT-2's tokenizer", gpt2, folder],
  [
    "Pythia's tokenizer",
    pythia,
    (path) => Promise.resolve(createTokenizer(JSON.parse(`${gunzipSync(readFileSync(path))}`), {})),
  ],
  ["stories260k's tokenizer", stories, folder],
];

// Parts that merge with each other across a boundary wherever a tokenizer lets them.
const parts = [
  "Hello",
  " world",
  "ing",
  " ",
  "  ",
  "\n",
  "\n\nAssistant:",
  "don",
  "'t",
  "12",
  "34",
  "é",
  "🎈",
];
const text = fc.array(fc.constantFrom(...parts, "<|endoftext|>", "</s>"), { maxLength: 8 })
  .map((words) => words.join(""));
const END = 0;
const limits = { context: 4096, maxResponse: 1024, beginToken: null, endToken: END };

for (const [name, path, load] of tokenizers) {
  test.skipIf(path === null)(`${name}: one boundary in training and in generation`, async () => {
    const tokenizer = await load(path!);
    const special = new Set(tokenizer.specialTokens.values());
    fc.assert(
      fc.property(text, text, text, (prompt, chosen, rejected) => {
        const row = fitRow(tokenizer, prompt, chosen, limits, emptyFitReport())!;
        const pair = fitPair(tokenizer, { prompt, chosen, rejected }, limits, emptyFitReport())!;
        const { promptIds } = fitPrompt(tokenizer, prompt, limits);
        // What generation starts from is what training saw, whatever response follows.
        expect(row.promptIds).toEqual(promptIds);
        expect(pair.promptIds).toEqual(promptIds);
        expect(pair.chosenIds).toEqual(row.responseIds);
        // A response reads the same behind any prompt.
        const answer = row.responseIds.slice(0, -1);
        expect(tokenizer.decodeContinuation(answer)).toBe(chosen);
        if (prompt !== "") {
          expect(tokenizer.decode([...promptIds, ...answer])).toBe(prompt + chosen);
        }
        // No text can end a response or stand for another special token.
        expect([...promptIds, ...answer].some((id) => special.has(id))).toBe(false);
      }),
      { seed: 11, numRuns: 300 },
    );
  });
}
