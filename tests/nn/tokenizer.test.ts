import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { gunzipSync } from "node:zlib";
import { readFileSync } from "node:fs";
import { createTokenizer, loadTokenizer } from "../../engine/nn/tokenizer.ts";
import { openFolder } from "../../scripts/host/files.ts";
import { oracle, shared } from "../support/shared.ts";
import { memoryFolder } from "../support/memory-folder.ts";

const BYTES = Array.from({ length: 256 }, (_, i) => `<0x${hex(i)}>`);

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, "0");
}

/** A SentencePiece-like tokenizer, as Llama's: it opens every text with a space of its own. */
function sentencePieceTokenizer() {
  const pieces = ["<unk>", "<s>", "</s>", ...BYTES, "▁", "a", "b", "▁a", "ab", "▁ab"];
  const special = (content: string, id: number) => ({ id, content, special: true });
  return createTokenizer({
    added_tokens: ["<unk>", "<s>", "</s>"].map(special),
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "▁" },
        { type: "Replace", pattern: { String: " " }, content: "▁" },
      ],
    },
    pre_tokenizer: null,
    post_processor: null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: {
      type: "BPE",
      unk_token: "<unk>",
      byte_fallback: true,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      merges: ["▁ a", "a b", "▁a b"],
    },
  }, {});
}

describe("a SentencePiece-like tokenizer", () => {
  const tokenizer = sentencePieceTokenizer();
  const [SPACE, A] = [259, 260];

  test("a continuation gets no space of its own", () => {
    expect(tokenizer.encode("ab")).toEqual(tokenizer.encodeContinuation(" ab"));
    expect(tokenizer.encodeContinuation("a")).toEqual([A]);
    expect(tokenizer.encode("  ")).toEqual([SPACE, SPACE, SPACE]);
    expect(tokenizer.decodeContinuation(tokenizer.encodeContinuation(" ab"))).toBe(" ab");
  });

  test("any two texts encoded apart decode to their join", () => {
    // U+2581 stands for the space, and the library's decoder drops a byte order mark.
    const text = fc.string({ unit: fc.constantFrom("a", "b", " ", "\n", "é", "🎈", "</s>", "x") });
    fc.assert(
      fc.property(text, text, (a, b) => {
        const [first, second] = [tokenizer.encode(a), tokenizer.encodeContinuation(b)];
        expect(tokenizer.decode(first)).toBe(a);
        expect(tokenizer.decodeContinuation(second)).toBe(b);
        if (a !== "") expect(tokenizer.decode([...first, ...second])).toBe(a + b);
      }),
      { seed: 5 },
    );
  });

  test("special tokens in a text are text, and in ids have none", () => {
    expect(tokenizer.specialTokens.get("</s>")).toBe(2);
    expect(tokenizer.encode("</s>")).not.toContain(2);
    expect(tokenizer.encodeTemplate("<s>a</s>")).toEqual([1, ...tokenizer.encode("a"), 2]);
    expect(tokenizer.decode([1, A, 2])).toBe("a");
    expect(tokenizer.decode([1, 2])).toBe("");
    expect(tokenizer.decode([])).toBe("");
  });

  test("an id beyond the vocabulary has no text, and a wrong one is refused", () => {
    expect(tokenizer.vocabulary).toBe(3 + 256 + 6);
    expect(tokenizer.decode([A, 5000])).toBe("a");
    expect(() => tokenizer.decode([-1])).toThrow("-1 is no token id");
    expect(() => tokenizer.decode([1.5])).toThrow("1.5 is no token id");
  });
});

test("a folder without a usable tokenizer.json is refused by name", async () => {
  const load = (...files: [string, string][]) =>
    loadTokenizer(
      memoryFolder("model", new Map(files.map(([k, v]) => [k, new TextEncoder().encode(v)]))),
    );
  await expect(load(["tokenizer.model", ""])).rejects.toThrow("model holds no tokenizer.json");
  await expect(load(["tokenizer.json", "{"])).rejects.toThrow("model/tokenizer.json is not JSON");
  await expect(load(["tokenizer.json", "{}"])).rejects.toThrow(
    "Cannot use the tokenizer of model: tokenizer.json is not valid: ✖ Invalid input: expected array",
  );
});

for (const name of ["stories260k", "storyteller"]) {
  const path = shared(`models/${name}`);
  test.skipIf(path === null)(`${name} encodes and decodes as transformers does`, async () => {
    const folder = openFolder(path!);
    const tokenizer = await loadTokenizer(folder);
    const expected = JSON.parse(await folder.text("expected.json"));
    for (const [text, ids] of Object.entries<number[]>(expected.encode)) {
      expect(tokenizer.encode(text)).toEqual(ids);
      expect(tokenizer.decode(ids)).toBe(text);
    }
    expect(tokenizer.decode(expected.greedy_from_bos_ids)).toBe(expected.greedy_text);
  });
}

const pythia = shared("data/tokenizers/gpt-neox-pythia/20B_tokenizer.json.gz");
test.skipIf(pythia === null)("Pythia's tokenizer encodes as the Rust library does", () => {
  const json = JSON.parse(gunzipSync(readFileSync(pythia!)).toString());
  const tokenizer = createTokenizer(json, {});
  const expected = JSON.parse(readFileSync(oracle("tokenizers.json"), "utf8"));
  for (const [text, ids] of Object.entries<number[]>(expected.pythia)) {
    expect(tokenizer.encode(text)).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(text.normalize("NFC")); // as it was encoded
  }
});
